#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "partita/baselines/lass_inference.hpp"
#include "partita/codec/codec.hpp"
#include "partita/decomposition/separator.hpp"
#include "partita/io/config.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/nn/code_prior.hpp"
#include "partita/nn/vq_vae.hpp"

namespace partita::baselines {

/// The counted sums of a model folder of kind "lass", beside the weights of its networks.
inline constexpr const char* kSumsFile = "sums.safetensors";
/// LASS is a rule for pairs.
inline constexpr std::int64_t kLassSources = 2;

struct LassOptions {
  nn::VqVaeOptions vq_vae;
  nn::CodePriorOptions prior;  ///< codes, rows and steps are the VQ-VAE's and the window's
  LassSampling sampling;
};

/// Reads and range-checks [vqvae], [prior] and [sampling] for windows of so many frames. Throws io::IoError
/// naming the key.
[[nodiscard]] LassOptions lass_options(const io::Config& config, std::int64_t window_frames);
/// These tables as TOML text.
[[nodiscard]] std::string to_toml(const LassOptions& options);

/// One VQ-VAE for mixtures and sources, and one prior a source: all that is trained. Weights "vqvae.*",
/// "priors.<source>.*".
class LassNetworksImpl : public torch::nn::Module {
 public:
  explicit LassNetworksImpl(const LassOptions& options);

  nn::VqVae vqvae{nullptr};
  std::vector<nn::CodePrior> priors;
  [[nodiscard]] const LassOptions& options() const { return options_; }

 private:
  LassOptions options_;
};
TORCH_MODULE(LassNetworks);

/// Latents of both sources `[window, source, channel, frame]` under mixtures x `[window, channel, frame]`,
/// whole patches of at most a window: candidates by `sample_pairs`, decoded, and of these the pair that
/// superposes to what is nearest to x. Window i draws from `generators[i]` alone.
[[nodiscard]] torch::Tensor lass_components(LassNetworks& networks, const SumLikelihood& sums,
                                            codec::Codec& codec, const torch::Tensor& x,
                                            std::vector<torch::Generator> generators);

/// Latent autoregressive source separation (LASS, Postolache et al. 2023) with what was trained for it: what
/// turns a mixture into stems.
class LassSeparator {
 public:
  /// Loads a model folder of kind "lass": its card holds `name`, `kind`, `codec`, `components` (two names),
  /// `window_frames` and the tables of `lass_options`; `licence`, [data], [training] and [metrics] may
  /// follow. Throws BaselineError where these do not fit together, io::IoError for broken files, UsageError
  /// for learned refinement. Of `options`, refinement, overlap, masks, vocoder and seed count.
  LassSeparator(const io::ModelFolder& folder, const decomposition::SeparatorOptions& options,
                torch::Device device = torch::kCPU);

  [[nodiscard]] const std::vector<std::string>& component_names() const { return names_; }
  /// Latents `[channel, frame]` of any length to `[component, channel, frame]`: windows with triangular
  /// cross-fades, window i drawing from (seed, i) alone. Throws Interrupted.
  [[nodiscard]] torch::Tensor decompose_latents(const torch::Tensor& latents);
  /// As decomposition::Separator::separate.
  [[nodiscard]] torch::Tensor separate(const torch::Tensor& samples, int sample_rate);

 private:
  decomposition::SeparatorOptions options_;
  torch::Device device_;
  std::vector<std::string> names_;
  std::int64_t window_frames_ = 0;
  std::shared_ptr<codec::Codec> codec_;
  LassNetworks networks_{nullptr};
  std::unique_ptr<SumLikelihood> sums_;
};

}  // namespace partita::baselines
