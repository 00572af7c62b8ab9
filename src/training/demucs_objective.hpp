#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "partita/baselines/demucs.hpp"
#include "partita/data/store.hpp"
#include "partita/evaluation/separation.hpp"
#include "partita/training/batches.hpp"
#include "partita/training/loop.hpp"
#include "stages.hpp"

namespace partita::training {

/// Demucs on the kept audio of a store: the mean absolute difference of waveforms, on mixtures that are
/// summed anew from changed sources; see `train_demucs`.
class DemucsObjective final : public Objective {
 public:
  /// The sources, their one channel and its rate are the store's. Throws TrainingError where crops and store
  /// do not fit together, or the store keeps no audio of sources.
  DemucsObjective(const TrainingOptions& options, std::vector<Stage> stages, baselines::DemucsOptions demucs,
                  const AugmentOptions& augment, torch::Device device);

  torch::nn::Module& module() override { return *network_; }
  [[nodiscard]] const std::vector<Stage>& stages() const override { return stages_; }
  void begin_stage(const std::string& /*name*/) override {}
  [[nodiscard]] std::int64_t clips() const override { return train_.audio_clips(); }
  [[nodiscard]] double seconds_read() const override { return train_.seconds_read(); }
  Inputs draw(const Slice& slice) override;
  torch::Tensor loss(const Inputs& inputs) override;
  std::string explain(std::int64_t first, std::int64_t last) override;
  /// "loss" and the SI-SDR of kept clips as the tables measure it, "si_sdr" over all sources.
  Validation validate() override;

  [[nodiscard]] const data::LatentStore& store() const { return train_; }
  [[nodiscard]] const baselines::DemucsOptions& demucs() const { return network_->options(); }

 private:
  [[nodiscard]] std::int64_t sources() const { return train_.sounds() - 1; }
  /// Samples of a crop, which fill every convolution of the network.
  [[nodiscard]] std::int64_t crop_length() const;
  /// The sources of a slice's examples as they are kept, `[batch, source, sample]`.
  [[nodiscard]] torch::Tensor parts(const Slice& slice);
  /// Multiplies each source by a gain of its own.
  void turn_up(torch::Tensor& parts, const Slice& slice);
  [[nodiscard]] std::vector<evaluation::Clip> validation_clips() const;

  TrainingOptions options_;
  AugmentOptions augment_;
  torch::Device device_;
  data::LatentStore train_;
  std::optional<data::LatentStore> validation_;
  std::vector<Stage> stages_;
  baselines::Demucs network_{nullptr};
  Batches batches_;
};

}  // namespace partita::training
