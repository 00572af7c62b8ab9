#pragma once

#include <string>

#include "partita/decomposition/separator.hpp"
#include "partita/io/model_folder.hpp"
#include "support/temporary_folder.hpp"

namespace partita::decomposition {

inline ModelOptions tiny_options() {
  ModelOptions options;
  options.encoder.channels = {16, 1};
  options.encoder.kernel = {3, 3};
  options.encoder.strides = {1, 1};
  options.encoder.attn = {false, false};
  options.unet.channels = {128, 32, 32};
  options.unet.kernels = {3, 3};
  options.unet.strides = {2, 2};
  options.unet.attn = {false, false};
  options.unet.cond_dim = 16;
  options.unet.tcond_dim = 1;
  options.comp_function = "sum";
  options.component_activation = "softplus";
  return options;
}

inline std::string tiny_card(const ModelOptions& options,
                             const std::string& components = R"(["drums", "bass"])",
                             const std::string& rest = "window_frames = 32\n") {
  return "name = \"tiny\"\nkind = \"decomposition\"\ncodec = \"mel\"\ncomponents = " + components + "\n" +
         rest + to_toml(options);
}

/// A model folder with random weights.
inline io::ModelFolder tiny_model(const support::TemporaryFolder& folder, const ModelOptions& options,
                                  const std::string& card) {
  torch::manual_seed(7);
  const DecompositionModel model(options);
  io::write_model_folder(folder / "tiny", card, io::state_of(*model));
  return io::ModelFolder(folder / "tiny");
}

inline io::ModelFolder tiny_model(const support::TemporaryFolder& folder,
                                  const ModelOptions& options = tiny_options()) {
  return tiny_model(folder, options, tiny_card(options));
}

/// The same model with a mask network.
inline io::ModelFolder tiny_model_with_masks(const support::TemporaryFolder& folder) {
  const ModelOptions options = tiny_options();
  nn::MaskNetworkOptions masks;
  masks.channels = 8;
  masks.dilations = {1, 2};
  torch::manual_seed(7);
  const DecompositionModel model(options);
  const nn::MaskNetwork network(masks);
  io::write_model_folder(folder / "masked", tiny_card(options) + to_toml(masks),
                         {{"model.safetensors", io::state_of(*model)}, {kMasksFile, io::state_of(*network)}});
  return io::ModelFolder(folder / "masked");
}

/// The largest absolute difference.
inline double distance(const torch::Tensor& a, const torch::Tensor& b) {
  return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

}  // namespace partita::decomposition
