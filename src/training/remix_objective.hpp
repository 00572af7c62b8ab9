#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "partita/codec/codec.hpp"
#include "partita/data/store.hpp"
#include "partita/decomposition/model.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/training/batches.hpp"
#include "partita/training/loop.hpp"
#include "separation_figures.hpp"
#include "stages.hpp"
#include "taught_part.hpp"

namespace partita::training {

/// The network that learns and the one that teaches it after the first round, with the round that the teacher
/// is for: all that a checkpoint needs.
class RemixNetworksImpl : public torch::nn::Module {
 public:
  explicit RemixNetworksImpl(const nn::MaskNetworkOptions& options);
  /// Makes the student of the round before the teacher of `round` (0-based), once.
  void begin_round(std::int64_t round);

  nn::MaskNetwork student{nullptr}, teacher{nullptr};

 private:
  torch::Tensor round_;
  std::int64_t begun_ = -1;  ///< the round that is known to have begun, so that no step asks the device
};
TORCH_MODULE(RemixNetworks);

/// Bootstrapped remixing: see `train_masks`.
class RemixObjective final : public Objective {
 public:
  /// Throws TrainingError where decomposition, crops and store do not fit together, io::IoError for a broken
  /// decomposition, codec::CodecError for a codec whose latents are no spectra.
  RemixObjective(const TrainingOptions& options, const RemixOptions& remix,
                 const nn::MaskNetworkOptions& masks, const io::ModelFolder& decomposition,
                 torch::Device device);

  torch::nn::Module& module() override { return *networks_; }
  [[nodiscard]] const std::vector<Stage>& stages() const override { return stages_; }
  void begin_stage(const std::string& name) override;
  [[nodiscard]] std::int64_t clips() const override { return train_.size(); }
  [[nodiscard]] double seconds_read() const override;
  Inputs draw(const Slice& slice) override;
  /// Mean squared error of the mixtures times the shares: what is loud counts, as in SI-SDR.
  torch::Tensor loss(const Inputs& inputs) override;
  std::string explain(std::int64_t first, std::int64_t last) override;
  Validation validate() override;

  [[nodiscard]] const data::LatentStore& store() const { return train_; }
  [[nodiscard]] const nn::MaskNetworkOptions& masks() const { return networks_->student->options(); }

 private:
  void check(const io::ModelFolder& decomposition) const;
  /// Puts the taught parts in the order of the decomposition's components, and has the student begin with
  /// the weights of the first one's teacher, where it is built like it.
  void begin_with_parts(const io::ModelFolder& decomposition);
  /// Whether parts come from the configuration's teachers, not from the decomposition or an earlier round.
  [[nodiscard]] bool taught_elsewhere() const { return round_ == 0 && !parts_.empty(); }
  /// The parts that the teacher finds in mixtures; they superpose to them.
  [[nodiscard]] torch::Tensor taught(const torch::Tensor& x, std::uint64_t draw);
  /// A part of each component, each from mixtures `[batch, channel, frame]` of its own.
  [[nodiscard]] torch::Tensor parts_of(const std::vector<torch::Tensor>& mixtures, std::uint64_t draw);
  /// Parts `[batch, component, channel, frame]`, varied at random, together: `[batch, channel, frame]` and
  /// the shares of its power, `[batch, component, channel, frame]`.
  [[nodiscard]] Inputs remix(const torch::Tensor& parts, const char* purpose, std::uint64_t first_example);
  /// What the student makes of mixtures.
  [[nodiscard]] torch::Tensor found(const torch::Tensor& x);
  [[nodiscard]] double validation_loss();

  TrainingOptions options_;
  RemixOptions remix_;
  torch::Device device_;
  data::LatentStore train_;
  std::optional<data::LatentStore> validation_;
  std::optional<SeparationCheck> separation_;
  std::shared_ptr<codec::Codec> codec_;
  decomposition::DecompositionModel decomposition_;
  std::vector<Batches> batches_;  ///< one a component
  std::vector<Stage> stages_;
  std::int64_t round_ = 0;
  std::vector<TaughtPart> parts_;  ///< one a component, where masks teach first, not the components
  RemixNetworks networks_{nullptr};
};

}  // namespace partita::training
