#include "partita/decomposition/separator.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "partita/base/random.hpp"
#include "partita/base/rounding.hpp"
#include "partita/diffusion/windows.hpp"
#include "partita/io/safetensors.hpp"

namespace partita::decomposition {
namespace {

/// Windows that an auto-encoder takes apart at once.
constexpr std::int64_t kWindowsAtOnce = 4;

void check_kind(const io::ModelFolder& folder) {
  if (folder.kind() != "decomposition") {
    fail<DecompositionError>("{}: expected a model of kind 'decomposition', found kind '{}'",
                             folder.path().string(), folder.kind());
  }
}

void check_card(const io::ModelFolder& folder) {
  check_kind(folder);
  constexpr std::array<std::string_view, 13> known{
      "name",          "kind",    "codec",    "components", "licence", "model", "data",
      "window_frames", "metrics", "training", "files",      "masks",   "prior"};
  for (const std::string& key : folder.card().keys()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      fail<DecompositionError>("{}: unknown key '{}' in model.toml; expected {}", folder.path().string(), key,
                               fmt::join(known, ", "));
    }
  }
}

void check_options(const SeparatorOptions& options) {
  if (options.steps < 1) fail<UsageError>("steps: expected at least 1, found {}", options.steps);
  if (!(options.overlap >= 0.0 && options.overlap <= 0.9)) {
    fail<UsageError>("overlap: expected a fraction of 0 to 0.9, found {}", options.overlap);
  }
  if (!(options.mask_power > 0.0)) {
    fail<UsageError>("mask power: expected a positive number, found {}", options.mask_power);
  }
  if (options.mask_window < 16) {
    fail<UsageError>("mask window: expected at least 16 samples, found {}", options.mask_window);
  }
}

void check_names(const std::string& where, const std::vector<std::string>& names, std::int64_t components) {
  if (static_cast<std::int64_t>(names.size()) != components) {
    fail<DecompositionError>("{}: model.toml names {} components ({}), but model.encoder.n_comp is {}", where,
                             names.size(), fmt::join(names, ", "), components);
  }
  const std::set<std::string> distinct(names.begin(), names.end());
  if (distinct.size() != names.size() || distinct.count("") != 0) {
    fail<DecompositionError>("{}: component names must be distinct and not empty, found [{}]", where,
                             fmt::join(names, ", "));
  }
}

void check_fit(const std::string& where, const ModelOptions& options, const codec::Codec& codec) {
  const std::int64_t expected = codec.latent_dim();
  if (options.encoder.in_dim != expected || options.unet.channels.empty() ||
      options.unet.channels.front() != expected) {
    fail<DecompositionError>(
        "{}: codec '{}' has latents of {} channels, but model.encoder.in_dim is {} and model.unet.channels "
        "is [{}]",
        where, codec.name(), expected, options.encoder.in_dim, fmt::join(options.unet.channels, ", "));
  }
}

/// The codec with the vocoder asked for.
std::string codec_name(const std::string& codec, const std::string& vocoder) {
  if (vocoder.empty()) return codec;
  if (codec != "mel") fail<UsageError>("vocoder '{}': codec '{}' decodes without one", vocoder, codec);
  return codec + "@" + vocoder;
}

}  // namespace

DecompositionModel load_model(const io::ModelFolder& folder, torch::Device device) {
  check_kind(folder);
  DecompositionModel model(model_options(folder.card()));
  io::load_state(*model, folder.weights().tensors(), folder.path().string());
  model->to(device);
  model->eval();
  return model;
}

nn::MaskNetwork load_masks(const io::ModelFolder& folder, const ModelOptions& model, torch::Device device) {
  nn::MaskNetwork masks(mask_options(folder.card(), model));
  io::load_state(*masks, folder.weights(kMasksFile).tensors(), folder.path().string());
  masks->to(device);
  masks->eval();
  return masks;
}

Separator::Separator(const io::ModelFolder& folder, const SeparatorOptions& options, torch::Device device)
    : options_(options), device_(device) {
  check_options(options);
  check_card(folder);
  const std::string where = folder.path().string();
  const io::Config& card = folder.card();
  const ModelOptions architecture = model_options(card);
  names_ = card.get<std::vector<std::string>>("components");
  check_names(where, names_, architecture.encoder.n_comp);
  codec_ = codec::make_codec(codec_name(card.get<std::string>("codec"), options.vocoder), device);
  check_fit(where, architecture, *codec_);
  window_frames_ = card.get<std::int64_t>("window_frames", window_frames_);
  model_ = load_model(folder, device);
  const std::int64_t multiple = model_->unet->frame_multiple();
  if (window_frames_ < 1 || window_frames_ % multiple != 0) {
    fail<DecompositionError>(
        "{}: window_frames must be a positive multiple of {} (the U-Net's strides), found {}", where,
        multiple, window_frames_);
  }
  load_masks(folder);
}

/// Settles the refinement, and loads the mask network where it is needed.
void Separator::load_masks(const io::ModelFolder& folder) {
  const bool has_masks = folder.card().has("masks");
  Refinement& refinement = options_.refinement;
  if (refinement == Refinement::Best) refinement = has_masks ? Refinement::Learned : Refinement::Wiener;
  if (refinement != Refinement::Learned) return;
  if (!has_masks) {
    fail<UsageError>("{}: the model has no mask network for learned refinement; use wiener or none",
                     folder.path().string());
  }
  masks_ = decomposition::load_masks(folder, model_->options(), device_);
}

/// Windows x `[window, channel, frame]` taken apart, the first being window number `first_window`.
torch::Tensor Separator::components_of(const torch::Tensor& x, std::int64_t first_window) {
  if (masks_) return codec_->share_out(x, masks_->forward(x));
  return decompose(model_, x, {options_.steps, options_.consistency, options_.solver},
                   make_generator(options_.seed, "separate", static_cast<std::uint64_t>(first_window)));
}

torch::Tensor Separator::decode(const torch::Tensor& components) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor waves = codec_->decode(components).mean(1).to(torch::kCPU);
  return model_->options().comp_function == "mean" ? waves / static_cast<double>(names_.size()) : waves;
}

torch::Tensor Separator::decompose_latents(const torch::Tensor& latents) {
  if (latents.dim() != 2 || latents.size(0) != codec_->latent_dim() || latents.size(1) < 1) {
    fail<DecompositionError>("latents: expected [{}, at least 1 frame], found {} axes, {} values",
                             codec_->latent_dim(), latents.dim(), latents.numel());
  }
  const torch::NoGradGuard no_grad;
  const std::int64_t whole = rounded_up(latents.size(1), model_->unet->frame_multiple());
  const torch::Tensor x = diffusion::extended(latents.to(device_), std::min(whole, window_frames_));
  // One generator serves a call of `decompose`, so noise that depends on the window alone needs a
  // call for each; an auto-encoder and a mask network draw none.
  const std::int64_t at_once = masks_ || model_->options().autoencoder ? kWindowsAtOnce : 1;
  const torch::Tensor parts = diffusion::in_windows(
      x, {window_frames_, options_.overlap, 1, at_once},
      [this](const torch::Tensor& windows, std::int64_t first) { return components_of(windows, first); });
  return parts.slice(2, 0, latents.size(1));
}

}  // namespace partita::decomposition
