#pragma once

#include <functional>
#include <string>
#include <vector>

#include "partita/evaluation/si_metrics.hpp"
#include "partita/io/report.hpp"

namespace partita::evaluation {

/// One clip to separate: mixture `[sample]`, references `[source, sample]`.
struct Clip {
  std::string name;
  torch::Tensor mixture;
  torch::Tensor references;
  int sample_rate = 0;
};

/// A system under test: clip mixture `[sample]` to estimates `[source, sample]` in the order of the
/// references. Oracle systems look at the clip's references.
struct System {
  std::string name;
  std::function<torch::Tensor(const Clip& clip)> separate;
};

/// Mean and standard deviation over clips, per source and over all; each clip's figures are limited to
/// ±100 dB.
struct Summary {
  struct Row {
    std::string source;
    SiMetrics mean, deviation;
    std::int64_t clips = 0;
    std::int64_t silent = 0;  ///< references left out
  };
  std::string system;
  std::vector<Row> rows;  ///< one a source, the last "all"
};

/// Throws EvaluationError when a system's estimates have another shape than the references.
[[nodiscard]] Summary evaluate(const System& system, const std::vector<Clip>& clips,
                               const std::vector<std::string>& sources);
[[nodiscard]] io::Json to_json(const Summary& summary);
/// A Markdown table of several systems.
[[nodiscard]] std::string to_markdown(const std::vector<Summary>& summaries);

/// The unprocessed mixture as every estimate, and power masks of the references at the STFT (2048/512).
[[nodiscard]] System mixture_system(std::int64_t sources);
[[nodiscard]] System ideal_mask_system();

}  // namespace partita::evaluation
