#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <vector>

#include "partita/audio/stft.hpp"
#include "partita/nn/discriminator.hpp"
#include "stages.hpp"

namespace partita::training {

/// Discriminators of sounds at several resolutions, each on an STFT whose magnitudes are compressed (after
/// EnCodec, Défossez et al. 2022).
class AdversaryImpl : public torch::nn::Module {
 public:
  explicit AdversaryImpl(const AdversaryOptions& options);

  /// What a vocoder must bring down, made and true sounds `[batch, sample]`: `weight` of the hinge loss and
  /// `feature_weight` of the distance in the discriminators' layers, relative to the true ones. No gradient
  /// reaches the discriminators.
  torch::Tensor deception(const torch::Tensor& made, const torch::Tensor& truth);
  /// The discriminators' own hinge loss; no gradient reaches what made the sounds.
  torch::Tensor detection(const torch::Tensor& made, const torch::Tensor& truth);

 private:
  using Verdict = nn::PatchDiscriminatorImpl::Verdict;
  [[nodiscard]] std::vector<Verdict> judge(const torch::Tensor& samples);

  AdversaryOptions options_;
  std::vector<nn::PatchDiscriminator> discriminators_;
  std::vector<audio::Stft> stfts_;  ///< one a discriminator, on the device of the first sounds
};
TORCH_MODULE(Adversary);

}  // namespace partita::training
