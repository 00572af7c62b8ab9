#pragma once

#include "partita/recomposition/prior.hpp"
#include "support/tiny_model.hpp"

namespace partita::recomposition {

inline PriorOptions tiny_prior_options(std::int64_t values = 2) {
  PriorOptions options;
  options.unet.channels = {values, 16, 16};
  options.unet.kernels = {3, 3};
  options.unet.strides = {2, 2};
  options.unet.attn = {false, false};
  options.unet.cond_dim = 16;
  options.unet.tcond_dim = values;
  options.unet.p_drop = 0.0;
  return options;
}

/// A decomposition of drums and bass (whose latent is held for 8 frames) with its prior, random weights.
inline io::ModelFolder tiny_model_with_prior(const support::TemporaryFolder& folder) {
  decomposition::ModelOptions options = decomposition::tiny_options();
  options.latent_hops = {1, 8};
  options.autoencoder = true;
  torch::manual_seed(7);
  const decomposition::DecompositionModel model(options);
  Prior prior(tiny_prior_options(), LatentForm::of(options, 1));
  prior->set_statistics(0.5 + 0.1 * torch::randn({4, 2, 1, 32}));
  io::write_model_folder(
      folder / "composing", decomposition::tiny_card(options) + to_toml(tiny_prior_options()),
      {{"model.safetensors", io::state_of(*model)}, {decomposition::kPriorFile, io::state_of(*prior)}});
  return io::ModelFolder(folder / "composing");
}

}  // namespace partita::recomposition
