#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "partita/baselines/lass.hpp"
#include "partita/codec/codec.hpp"
#include "partita/data/store.hpp"
#include "partita/training/batches.hpp"
#include "partita/training/loop.hpp"
#include "separation_figures.hpp"
#include "stages.hpp"

namespace partita::training {

/// LASS from a store with the sources' latents: see `train_lass`.
class LassObjective final : public Objective {
 public:
  /// Throws TrainingError where options, crops and store do not fit together, codec::CodecError for a codec
  /// whose latents are no spectra.
  LassObjective(const TrainingOptions& options, const LassTraining& training, std::vector<Stage> stages,
                const baselines::LassOptions& lass, torch::Device device);

  torch::nn::Module& module() override { return *networks_; }
  [[nodiscard]] const std::vector<Stage>& stages() const override { return stages_; }
  void begin_stage(const std::string& name) override { of_priors_ = name == kLassPriorsStage; }
  [[nodiscard]] std::int64_t clips() const override { return train_.size(); }
  [[nodiscard]] double seconds_read() const override { return train_.seconds_read(); }
  Inputs draw(const Slice& slice) override;
  torch::Tensor loss(const Inputs& inputs) override;
  std::string explain(std::int64_t first, std::int64_t last) override;
  /// "loss": of the VQ-VAE the mean squared error of mixtures and sources, "perplexity" of its codes beside
  /// it; of the priors the mean of nats a code, with the SI-SDR of what they separate.
  Validation validate() override;

  /// Counted from random pairs of the training split's stems, by the VQ-VAE as it is now.
  [[nodiscard]] baselines::SumLikelihood counted_sums();
  [[nodiscard]] const data::LatentStore& store() const { return train_; }
  [[nodiscard]] const baselines::LassOptions& lass() const { return networks_->options(); }

 private:
  /// Latents of sources and of what they are together.
  struct Mix {
    torch::Tensor mixture;  ///< `[batch, channel, frame]`
    torch::Tensor parts;    ///< `[batch, source, channel, frame]`
  };
  void check(const TrainingOptions& options) const;
  /// The share of a source in its songs' mixtures, `[batch, channel, frame]`.
  [[nodiscard]] torch::Tensor part(const data::LatentStore& split, const Batches::Batch& batch,
                                   std::int64_t source) const;
  /// Parts of different songs, varied in level, laid together.
  [[nodiscard]] Mix mix(std::vector<Batches>& batches, const Slice& slice, const char* purpose) const;
  /// Songs of the validation split as they are.
  [[nodiscard]] Mix validation_mix(std::int64_t first, std::int64_t count) const;
  [[nodiscard]] torch::Tensor prior_loss(const Mix& mix);
  [[nodiscard]] double validation_loss(torch::Tensor& used);
  void measure_separation(Validation& validation);

  TrainingOptions options_;
  LassTraining training_;
  torch::Device device_;
  data::LatentStore train_;
  std::optional<data::LatentStore> validation_;
  std::optional<SeparationCheck> separation_;
  std::shared_ptr<codec::Codec> codec_;
  std::vector<Batches> batches_;  ///< one a source
  std::vector<Stage> stages_;
  bool of_priors_ = false;
  baselines::LassNetworks networks_{nullptr};
  std::unique_ptr<baselines::SumLikelihood> sums_;  ///< of the finished VQ-VAE, once they are needed
};

}  // namespace partita::training
