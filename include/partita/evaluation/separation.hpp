#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "partita/base/progress.hpp"
#include "partita/evaluation/bss_table.hpp"
#include "partita/evaluation/si_metrics.hpp"
#include "partita/evaluation/statistics.hpp"
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

/// Which estimate is measured as which source: as the system orders them, once for all clips (honest), or in
/// each clip as the sum of SI-SDR is highest (flatters).
enum class Assignment { Model, Clip };

struct EvaluationOptions {
  Assignment assignment = Assignment::Model;
  std::optional<BssOptions> bss;  ///< BSS Eval as well
  std::uint64_t seed = 0;         ///< of the bootstrap
};

/// A system's figures over clips; each clip's are limited to ±100 dB.
struct Summary {
  struct Row {
    std::string source;
    Statistic sdr, sir, sar;  ///< scale-invariant, dB
    std::int64_t clips = 0;
    std::int64_t silent = 0;  ///< references left out
  };
  /// What one source of one clip comes to.
  struct Figure {
    std::string clip;
    std::string source;
    SiMetrics metrics;
  };
  std::string system;
  std::vector<Row> rows;        ///< one a source, the last "all"
  std::vector<Figure> figures;  ///< in the order of the clips, and of the sources in each
  /// Mean SI-SDR in dB of each estimate as each source, `[estimate][source]`: whether another naming of the
  /// estimates would suit the clips better. NaN for sources that are silent in all clips.
  std::vector<std::vector<double>> crossed;
  std::vector<BssRow> bss;  ///< where they were asked for; a track is a clip
};

/// Throws EvaluationError when a system's estimates have another shape than the references.
[[nodiscard]] Summary evaluate(const System& system, const std::vector<Clip>& clips,
                               const std::vector<std::string>& sources,
                               const EvaluationOptions& options = {});
/// The same of several systems, in their order.
[[nodiscard]] std::vector<Summary> evaluate(const std::vector<System>& systems,
                                            const std::vector<Clip>& clips,
                                            const std::vector<std::string>& sources,
                                            const EvaluationOptions& options, Progress& progress);
/// "model: …" or "clip: …", the rule in words.
[[nodiscard]] std::string to_text(Assignment assignment);
[[nodiscard]] io::Json to_json(const Summary& summary);
/// A Markdown table of several systems and, where there are any, one of BSS Eval; below, what they state.
[[nodiscard]] std::string to_markdown(const std::vector<Summary>& summaries,
                                      const EvaluationOptions& options = {});

/// The unprocessed mixture as every estimate, and power masks of the references at the STFT (2048/512).
[[nodiscard]] System mixture_system(std::int64_t sources);
[[nodiscard]] System ideal_mask_system();

}  // namespace partita::evaluation
