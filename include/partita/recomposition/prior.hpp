#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <string>
#include <vector>

#include "partita/base/error.hpp"
#include "partita/decomposition/model.hpp"
#include "partita/diffusion/sampler.hpp"
#include "partita/io/config.hpp"
#include "partita/nn/unet.hpp"

namespace partita::recomposition {

class RecompositionError : public Error {
 public:
  using Error::Error;
};

/// What a mask m (paper section 3.2) makes of each component: 1 it is made anew, 0 it is kept.
using Mask = std::vector<bool>;

/// Every mask of N components but the empty one, in the reference's order: number i, from 1, has component k
/// made where bit N − 1 − k is set, so the last makes all.
[[nodiscard]] std::vector<Mask> masks(std::int64_t components);
/// A mask as ones and zeros, float32 `[component]`.
[[nodiscard]] torch::Tensor to_tensor(const Mask& mask);
/// How often each is drawn in training (section 3.2): the last with p_mask, the others with equal shares of
/// the rest. A single component has one mask, drawn always.
[[nodiscard]] std::vector<double> mask_probabilities(std::int64_t components, double p_mask);
/// One of `masks`, by `probabilities`.
[[nodiscard]] Mask draw_mask(std::int64_t components, const std::vector<double>& probabilities,
                             torch::Generator generator);

/// The form of the components' latents z `[batch, component, channel, frame]` that a prior works on.
struct LatentForm {
  std::int64_t components = 2;
  std::int64_t channels = 1;
  std::vector<std::int64_t> hops;  ///< frames over which each component's latent is held; empty: 1 each

  /// Of a decomposition model's z.
  static LatentForm of(const decomposition::ModelOptions& model, std::int64_t latent_channels);
  /// Frames on whose multiples all components' holds begin.
  [[nodiscard]] std::int64_t unit() const;
  /// Standard normal noise `[component, channel, frame]`, held as the latents are.
  [[nodiscard]] torch::Tensor noise(std::int64_t frames, torch::Generator generator) const;
  /// z with each component averaged and held over its hop.
  [[nodiscard]] torch::Tensor held(const torch::Tensor& z) const;
};

/// The prior ε(z_α, α, m) in the space of the components' latents (paper section 3.2). The defaults are the
/// reference's for two components of one channel: `unet.channels[0]` and, for the mask, `unet.tcond_dim` are
/// components × channels.
struct PriorOptions {
  nn::UNetOptions unet{
      .channels = {2, 64, 128, 256, 512}, .kernels = {3, 3, 3, 3}, .strides = {1, 2, 2, 2}, .tcond_dim = 2};
  diffusion::Variant variant = diffusion::Variant::C;
};

/// Reads [prior] with its sub-table [prior.unet]. Throws IoError naming the key.
[[nodiscard]] PriorOptions prior_options(const io::Config& config);
/// The same as TOML text.
[[nodiscard]] std::string to_toml(const PriorOptions& options);

/// The network, named "unet.*" as the reference's, and the statistics of z, "mean" and "deviation"
/// `[component, channel, 1]`, by which latents are normalised.
class PriorImpl : public torch::nn::Module {
 public:
  PriorImpl(PriorOptions options, LatentForm form);

  /// Sets the statistics from latents `[clip, component, channel, frame]`. A component that never changes
  /// gets the deviation 1.
  void set_statistics(const torch::Tensor& z);
  [[nodiscard]] torch::Tensor normalised(const torch::Tensor& z) const { return (z - mean_) / deviation_; }
  [[nodiscard]] torch::Tensor restored(const torch::Tensor& z) const { return z * deviation_ + mean_; }

  /// The prediction of the variant from normalised z_α `[batch, component, channel, frame]`, alpha `[batch]`
  /// and masks `[batch, component]` of ones and zeros; in the shape of z_α. Frames are a multiple of
  /// `frame_multiple()`.
  torch::Tensor forward(const torch::Tensor& z_alpha, const torch::Tensor& alpha, const torch::Tensor& mask);

  [[nodiscard]] std::int64_t frame_multiple() const;  ///< of the U-Net and of the latents' holds
  [[nodiscard]] const PriorOptions& options() const { return options_; }
  [[nodiscard]] const LatentForm& form() const { return form_; }

 private:
  PriorOptions options_;
  LatentForm form_;
  nn::UNet unet_{nullptr};
  torch::Tensor mean_, deviation_;
};
TORCH_MODULE(Prior);

/// z̃_α ⊙ m + (1 − m) ⊙ z (paper algorithm 1): components that are made from `blended`, kept ones from `z`,
/// both `[batch, component, channel, frame]`, with masks `[batch, component]`.
[[nodiscard]] torch::Tensor masked(const torch::Tensor& blended, const torch::Tensor& z,
                                   const torch::Tensor& mask);

/// The loss of algorithm 1 on normalised z, noise z₀ (both `[batch, component, channel, frame]`), alpha
/// `[batch]` and masks `[batch, component]`: mean squared error to z of all components (variant c) or to
/// z − z₀ of those that are made (variant d, since nothing tells z₀ of the kept ones), a mean over the batch.
[[nodiscard]] torch::Tensor prior_loss(Prior& prior, const torch::Tensor& z, const torch::Tensor& noise,
                                       const torch::Tensor& alpha, const torch::Tensor& mask);

/// What kept components are at every step of sampling: clean, as in training, or blended with the noise of
/// the step's level.
enum class Imposed { Clean, Blended };

/// "clean", "blended". Throws RecompositionError for another name.
[[nodiscard]] Imposed parse_imposed(const std::string& name);
[[nodiscard]] std::vector<std::string> imposed_names();
[[nodiscard]] std::string name_of(Imposed imposed);

struct RecomposeOptions {
  std::int64_t steps = 50;
  diffusion::Solver solver = diffusion::Solver::Euler;
  Imposed imposed = Imposed::Clean;
  /// Classifier-free guidance: predictions are moved away from those that know nothing of the kept
  /// components, by this factor; 1: off.
  double guidance = 1.0;
  std::int64_t window_frames = 512;  ///< the prior's window, a multiple of its frame multiple
  double overlap = 0.5;              ///< of windows, at least
};

/// Makes the components of `mask` anew by IADB and keeps the others: z `[component, channel, frame]` as the
/// decomposition gives it (made components' values are ignored), of any length; the same shape comes back,
/// kept components untouched. Longer than a window, the predictions of overlapping windows are cross-faded at
/// every step, so that one trajectory of the whole is followed and nothing is joined afterwards. Noise comes
/// from (seed, index). Throws RecompositionError, Interrupted.
[[nodiscard]] torch::Tensor recompose(Prior& prior, const torch::Tensor& z, const Mask& mask,
                                      const RecomposeOptions& options, std::uint64_t seed,
                                      std::uint64_t index = 0);

}  // namespace partita::recomposition
