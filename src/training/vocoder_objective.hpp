#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adversary.hpp"
#include "partita/codec/mel_vocoder.hpp"
#include "partita/data/store.hpp"
#include "partita/training/batches.hpp"
#include "partita/training/loop.hpp"
#include "stages.hpp"

namespace partita::training {

/// The vocoder and those who judge it: all that a checkpoint needs.
class VocoderNetworksImpl : public torch::nn::Module {
 public:
  VocoderNetworksImpl(const codec::MelVocoderOptions& vocoder, const AdversaryOptions& adversary);

  codec::MelVocoder vocoder{nullptr};
  Adversary adversary{nullptr};
};
TORCH_MODULE(VocoderNetworks);

/// A vocoder of mel latents: to bring the sounds of a store, mixtures and sources alike, back from their
/// latents; first by the distance of spectra alone, then against discriminators too. Both sides learn in one
/// step from one sum of losses, in which neither reaches the other's parameters.
class VocoderObjective final : public Objective {
 public:
  /// Throws TrainingError where crops and store do not fit together, or the store keeps no audio.
  VocoderObjective(const TrainingOptions& options, std::vector<Stage> stages,
                   const codec::MelVocoderOptions& vocoder, const AdversaryOptions& adversary,
                   torch::Device device);

  torch::nn::Module& module() override { return *networks_; }
  [[nodiscard]] const std::vector<Stage>& stages() const override { return stages_; }
  void begin_stage(const std::string& name) override { adversarial_ = name == kAdversarialStage; }
  /// Sounds: each kept clip's mixture and sources.
  [[nodiscard]] std::int64_t clips() const override { return train_.audio_clips() * train_.sounds(); }
  [[nodiscard]] double seconds_read() const override { return train_.seconds_read(); }
  Inputs draw(const Slice& slice) override;
  torch::Tensor loss(const Inputs& inputs) override;
  std::string explain(std::int64_t first, std::int64_t last) override;
  /// Means of ms_stft_distance: "loss" over all sounds, one a kind of sound, and Griffin-Lim's.
  Validation validate() override;

  [[nodiscard]] const data::LatentStore& store() const { return train_; }
  [[nodiscard]] const codec::MelVocoderOptions& vocoder() const { return networks_->vocoder->options(); }

 private:
  void check(const TrainingOptions& options) const;
  /// Sounds of a batch, `[batch, sample]`, as they are kept.
  [[nodiscard]] torch::Tensor sounds(const Batches::Batch& batch) const;
  /// A sound through latents and back, both `[batch, sample]`.
  [[nodiscard]] torch::Tensor brought_back(const torch::Tensor& samples);
  /// The kept audio of a validation clip, `[sound, sample]`, in whole frames.
  [[nodiscard]] torch::Tensor validation_sounds(std::int64_t clip) const;
  void measure_griffin_lim(std::int64_t clips);

  TrainingOptions options_;
  torch::Device device_;
  data::LatentStore train_;
  std::optional<data::LatentStore> validation_;
  codec::MelCodec codec_;
  Batches batches_;
  std::vector<Stage> stages_;
  VocoderNetworks networks_{nullptr};
  bool adversarial_ = false;
  std::optional<double> griffin_lim_;  ///< mean distance, measured once
  torch::Tensor griffin_lim_heard_;    ///< of the first clip, `[sound, sample]`
};

}  // namespace partita::training
