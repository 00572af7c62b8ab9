#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "partita/codec/codec.hpp"
#include "partita/data/store.hpp"
#include "partita/decomposition/model.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/recomposition/prior.hpp"
#include "partita/training/batches.hpp"
#include "partita/training/loop.hpp"
#include "stages.hpp"

namespace partita::training {

/// The masked prior of a frozen decomposition's latents (paper algorithm 1): see `train_prior`.
class PriorObjective final : public Objective {
 public:
  /// Throws TrainingError where decomposition, prior, crops and store do not fit together, io::IoError for a
  /// broken decomposition.
  PriorObjective(const TrainingOptions& options, std::vector<Stage> stages, const MaskingOptions& masking,
                 const recomposition::PriorOptions& prior, const io::ModelFolder& decomposition,
                 torch::Device device);

  torch::nn::Module& module() override { return *prior_; }
  [[nodiscard]] const std::vector<Stage>& stages() const override { return stages_; }
  void begin_stage(const std::string& /*name*/) override {}
  [[nodiscard]] std::int64_t clips() const override { return train_.size(); }
  [[nodiscard]] double seconds_read() const override { return train_.seconds_read(); }
  Inputs draw(const Slice& slice) override;
  torch::Tensor loss(const Inputs& inputs) override;
  std::string explain(std::int64_t first, std::int64_t last) override;
  Validation validate() override;

  [[nodiscard]] const data::LatentStore& store() const { return train_; }
  [[nodiscard]] const recomposition::PriorOptions& prior() const { return prior_->options(); }

 private:
  void check(const std::string& decomposition) const;
  /// z = E(x) of clips `[clip, component, channel, frame]`, on the CPU.
  [[nodiscard]] torch::Tensor encoded(const data::LatentStore& split,
                                      const std::vector<std::int64_t>& clips) const;
  void set_statistics();
  [[nodiscard]] double validation_loss(const recomposition::Mask& mask);
  [[nodiscard]] Sound sample();

  TrainingOptions options_;
  torch::Device device_;
  data::LatentStore train_;
  std::optional<data::LatentStore> validation_;
  std::shared_ptr<codec::Codec> codec_;
  mutable decomposition::DecompositionModel decomposition_;
  std::vector<std::string> names_;  ///< of the components
  recomposition::LatentForm form_;
  std::vector<double> probabilities_;  ///< of the masks
  Batches batches_;
  std::vector<Stage> stages_;
  torch::Tensor latents_, validation_latents_;  ///< of all clips, once they are needed
  recomposition::Prior prior_{nullptr};
};

}  // namespace partita::training
