#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "partita/codec/codec.hpp"
#include "partita/data/store.hpp"
#include "partita/decomposition/model.hpp"
#include "partita/training/batches.hpp"
#include "partita/training/loop.hpp"
#include "separation_figures.hpp"
#include "stages.hpp"
#include "taught_part.hpp"

namespace partita::training {

/// Decomposition of mixtures (paper section 3.1): an auto-encoder stage, in which the composed
/// components of α = 0 are to be the mixture or, where masks teach, each its part of a remix of what these
/// find in different songs; then IADB.
class DecompositionObjective final : public Objective {
 public:
  /// Throws TrainingError where model, crops and store do not fit together.
  DecompositionObjective(const TrainingOptions& options, std::vector<Stage> stages,
                         const decomposition::ModelOptions& model_options, torch::Device device);

  torch::nn::Module& module() override { return *model_; }
  [[nodiscard]] const std::vector<Stage>& stages() const override { return stages_; }
  void begin_stage(const std::string& name) override;
  [[nodiscard]] std::int64_t clips() const override { return train_.size(); }
  [[nodiscard]] double seconds_read() const override;
  Inputs draw(const Slice& slice) override;
  torch::Tensor loss(const Inputs& inputs) override;
  std::string explain(std::int64_t first, std::int64_t last) override;
  Validation validate() override;

  [[nodiscard]] decomposition::DecompositionModel& model() { return model_; }
  [[nodiscard]] const data::LatentStore& store() const { return train_; }
  [[nodiscard]] std::int64_t validation_clips() const { return validation_ ? validation_->size() : 0; }
  /// The model's components by name, in its order: those of the sources that they match on the
  /// validation clips, "component-k" elsewhere. Known after `validate`.
  [[nodiscard]] const std::vector<std::string>& component_names() const { return names_; }

 private:
  void check(const TrainingOptions& options) const;
  /// Whether each component has a part that it is to be, not only all together the mixture.
  [[nodiscard]] bool taught() const { return model_->options().autoencoder && !parts_.empty(); }
  /// Of the auto-encoder stage, on mixtures and, where they are known, the parts of these.
  [[nodiscard]] torch::Tensor autoencoder_loss(const torch::Tensor& x, const torch::Tensor& parts = {});
  [[nodiscard]] torch::Tensor taught_loss(const torch::Tensor& parts);
  [[nodiscard]] torch::Tensor diffusion_loss(const torch::Tensor& x, const torch::Tensor& alpha,
                                             const torch::Tensor& base);
  [[nodiscard]] double validation_loss();

  TrainingOptions options_;
  torch::Device device_;
  data::LatentStore train_;
  std::optional<data::LatentStore> validation_;
  std::optional<SeparationCheck> separation_;
  Batches batches_;
  std::vector<Stage> stages_;
  std::vector<TaughtPart> parts_;        ///< that the components of the first stage are to be
  std::shared_ptr<codec::Codec> codec_;  ///< of parts
  decomposition::DecompositionModel model_{nullptr};
  std::vector<std::string> names_;
};

}  // namespace partita::training
