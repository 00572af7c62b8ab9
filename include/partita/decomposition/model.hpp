#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <string>
#include <vector>

#include "partita/decomposition/composition.hpp"
#include "partita/diffusion/sampler.hpp"
#include "partita/io/config.hpp"
#include "partita/nn/mask_network.hpp"
#include "partita/nn/semantic_encoder.hpp"
#include "partita/nn/unet.hpp"

namespace partita::decomposition {

/// What makes up a decomposition model (paper section 3.1). The last five go beyond the paper and
/// are off in its configuration.
struct ModelOptions {
  nn::SemanticEncoderOptions encoder;
  nn::UNetOptions unet;
  std::string comp_function = "mean";
  diffusion::Variant variant = diffusion::Variant::C;
  std::string component_activation = "id";  ///< constrains each component: "id", "softplus", "relu"
  /// Latent frames over which each component's latent (and its noise) is averaged and held, one entry a
  /// component: slower latents for slower parts. Empty: every frame has its own.
  std::vector<std::int64_t> latent_hops;
  double latent_noise = 0.0;  ///< deviation of Gaussian noise added to z in training
  bool autoencoder = false;   ///< α = 0 and a zero input always: no diffusion (first stage)
};

/// Reads [model] with its sub-tables [model.encoder] and [model.unet] of a configuration's root; absent keys
/// keep their defaults, a wrong or unknown one throws IoError naming file, line and key.
[[nodiscard]] ModelOptions model_options(const io::Config& config);
/// The same as TOML text, tables [model], [model.encoder], [model.unet].
[[nodiscard]] std::string to_toml(const ModelOptions& options);

/// Reads a U-Net's table, e.g. [model.unet]; absent keys keep the values of `unet`. Throws as
/// `model_options`.
[[nodiscard]] nn::UNetOptions unet_options(const io::Config& table, nn::UNetOptions unet);
/// The same as TOML text, table [name].
[[nodiscard]] std::string to_toml(const nn::UNetOptions& options, const std::string& name);

/// Reads [masks] of a configuration's root: the mask network of a model's learned refinement. Data channels
/// and component count are the model's. Throws IoError as `model_options` does.
[[nodiscard]] nn::MaskNetworkOptions mask_options(const io::Config& config, const ModelOptions& model);
/// The same as TOML text, table [masks].
[[nodiscard]] std::string to_toml(const nn::MaskNetworkOptions& options);

/// z `[..., component, channel, frame]` with each component averaged over runs of its hop's frames (the last
/// may be shorter), each mean held for its run. No hops: z as it is.
[[nodiscard]] torch::Tensor held(const torch::Tensor& z, const std::vector<std::int64_t>& hops);

/// E and g with the composition operator. Parameters are named "encoder.*" (the reference's
/// MultiEncoder or CommonBlockEncoder) and "unet.*" (its DecompUNet). Throws DecompositionError or
/// nn::NetworkError for options that do not fit together.
class DecompositionModelImpl : public torch::nn::Module {
 public:
  explicit DecompositionModelImpl(ModelOptions options);

  /// z = E(x): `[batch, component, latent channel, latent frame]` from x `[batch, channel, frame]`.
  torch::Tensor encode(const torch::Tensor& x);
  /// g(x_α, α, z_k) for every k: `[batch, component, channel, frame]`. x_alpha is `[batch, channel, frame]`,
  /// the same for all, or `[batch, component, channel, frame]`, a state for each; alpha `[batch]`. An
  /// auto-encoder takes only the shapes from them.
  torch::Tensor components(const torch::Tensor& x_alpha, const torch::Tensor& alpha, const torch::Tensor& z);
  /// g for one component: `[batch, channel, frame]`.
  torch::Tensor component(const torch::Tensor& x_alpha, const torch::Tensor& alpha, const torch::Tensor& z,
                          std::int64_t index);
  /// C over the component axis.
  torch::Tensor compose(const torch::Tensor& components) const;

  [[nodiscard]] std::int64_t component_count() const;
  /// Frames of x for one of z: the product of the encoder's strides.
  [[nodiscard]] std::int64_t latent_stride() const;
  [[nodiscard]] const ModelOptions& options() const { return options_; }
  void set_autoencoder(bool on) { options_.autoencoder = on; }

  nn::SemanticEncoder encoder{nullptr};
  nn::UNet unet{nullptr};

 private:
  ModelOptions options_;
  CompositionOperator operator_;
};
TORCH_MODULE(DecompositionModel);

/// The components of a batch of latents: z = E(x), then each component sampled along its own
/// trajectory by g(x_α, α, z_k), all from one noise drawn on the CPU, as in the reference's separation
/// (one network evaluation and no noise for an auto-encoder). Needs eval mode; throws DecompositionError. x
/// `[batch, channel, frame]` to
/// `[batch, component, channel, frame]`.
struct DecomposeOptions {
  std::int64_t steps = 100;
  bool consistency = false;  ///< add to each clean component its share of x − C(x̂) at each step (mean, sum)
  diffusion::Solver solver = diffusion::Solver::Euler;
};
[[nodiscard]] torch::Tensor decompose(DecompositionModel& model, const torch::Tensor& x,
                                      const DecomposeOptions& options, torch::Generator generator);
/// The same from given latents z `[batch, component, latent channel, latent frame]`, wherever they come from;
/// there is no mixture to be consistent with.
[[nodiscard]] torch::Tensor render(DecompositionModel& model, const torch::Tensor& z,
                                   const DecomposeOptions& options, torch::Generator generator);

}  // namespace partita::decomposition
