#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "partita/base/progress.hpp"
#include "partita/diffusion/sampler.hpp"
#include "partita/evaluation/recomposition.hpp"
#include "partita/evaluation/tables.hpp"

namespace partita::evaluation {

/// What the paper's tables are measured on and with; the defaults are the paper's, but for the model.
struct ReproductionOptions {
  std::filesystem::path store;  ///< latent store of drums and bass that keeps audio
  std::string split = "test";
  /// Clips, evenly spread over those that are kept; fewer where the store keeps fewer, which the tables say.
  std::int64_t count = 512;
  std::int64_t steps = 100;  ///< sampling steps
  diffusion::Solver solver = diffusion::Solver::Euler;
  std::uint64_t seed = 0;
  torch::Device device = torch::kCPU;
  /// Models by what they stand for: "ours" (tables 2, 4 and 5), "lass", "demucs" (table 2), "sum", "mean",
  /// "min", "max" (table 3; "ours" where it is none and its operator is that), "unconditional" (table 4: a
  /// model whose prior was trained with p_mask = 1). Without a model a row has no figure.
  std::map<std::string, std::string> models{{"ours", "drums-bass"}};
  std::vector<std::string> codecs{"encodec_24khz", "mel"};                          ///< table 1
  std::vector<std::string> embeddings{"mel", "mel-patches", "onset-correlations"};  ///< tables 1 and 4
  std::int64_t sampling_clips = 32;  ///< of the chart by sampling steps, at most
  std::filesystem::path sounds;      ///< where table 4 writes what the prior makes
};

/// Measures the tables of the paper by the functions behind `partita evaluate`; tables 4 and 5 share the
/// sounds that they measure.
class Reproduction {
 public:
  /// "table1" to "table5".
  [[nodiscard]] static std::vector<std::string> tables();
  /// The words of ReproductionOptions::models, and the bundled models that stand behind them by default.
  [[nodiscard]] static const std::map<std::string, std::string>& usual_models();

  /// Reads the clips. Throws UsageError for a model under a word that no table knows, EvaluationError and
  /// DataError for a store that cannot be used.
  explicit Reproduction(ReproductionOptions options);

  [[nodiscard]] const ReproductionOptions& options() const { return options_; }
  /// Clips that are measured: at most those that were asked for.
  [[nodiscard]] std::int64_t clips() const { return static_cast<std::int64_t>(clips_.size()); }
  /// Throws UsageError for a name that is none of `tables()`.
  [[nodiscard]] Table table(const std::string& name, Progress& progress);

 private:
  [[nodiscard]] Table table1(Progress& progress);
  [[nodiscard]] Table table2(Progress& progress);
  [[nodiscard]] Table table3(Progress& progress);
  [[nodiscard]] Table table4(Progress& progress);
  [[nodiscard]] Table table5(Progress& progress);
  [[nodiscard]] Table begun(const std::string& name, const std::string& title) const;
  [[nodiscard]] std::optional<std::string> model_for(const std::string& word) const;
  [[nodiscard]] std::optional<std::string> model_composing_by(const std::string& composition) const;
  [[nodiscard]] recomposition::RecomposerOptions recomposer_options() const;
  [[nodiscard]] std::vector<Clip> sampling_clips() const;
  [[nodiscard]] const RecompositionFigures& recomposed(Progress& progress);
  void chart_separation(Table& table, Progress& progress) const;
  void chart_generation(Table& table, Progress& progress) const;

  ReproductionOptions options_;
  std::vector<Clip> clips_;
  std::vector<Embedding> embeddings_;
  std::optional<RecompositionFigures> recomposed_;
};

}  // namespace partita::evaluation
