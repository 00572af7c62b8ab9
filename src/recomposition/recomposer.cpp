#include "partita/recomposition/recomposer.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "partita/base/random.hpp"
#include "partita/base/rounding.hpp"
#include "partita/diffusion/windows.hpp"
#include "partita/io/safetensors.hpp"

namespace partita::recomposition {
namespace {

Prior loaded(const io::ModelFolder& folder, decomposition::DecompositionModel& model, torch::Device device) {
  if (!folder.card().has("prior")) {
    fail<UsageError>("{}: the model has no prior; train one with 'partita train prior'",
                     folder.path().string());
  }
  Prior prior(prior_options(folder.card()),
              LatentForm::of(model->options(), model->encoder->latent_channels()));
  io::load_state(*prior, folder.weights(decomposition::kPriorFile).tensors(), folder.path().string());
  prior->to(device);
  prior->eval();
  return prior;
}

}  // namespace

Recomposer::Recomposer(const io::ModelFolder& folder, const RecomposerOptions& options, torch::Device device)
    : options_(options),
      device_(device),
      separator_(folder, options.separator, device),
      prior_(loaded(folder, separator_.model(), device)) {
  options_.separator = separator_.options();
}

std::int64_t Recomposer::latent_stride() const { return separator_.model().latent_stride(); }

Mask Recomposer::mask_of(const std::vector<std::string>& made) const {
  Mask mask(names().size(), false);
  for (const std::string& name : made) {
    const auto found = std::find(names().begin(), names().end(), name);
    if (found == names().end()) {
      fail<UsageError>("the model has no component '{}', only {}", name, fmt::join(names(), ", "));
    }
    mask[static_cast<std::size_t>(found - names().begin())] = true;
  }
  if (made.empty()) fail<UsageError>("no component to make: expected some of {}", fmt::join(names(), ", "));
  return mask;
}

torch::Tensor Recomposer::encode(const torch::Tensor& x) {
  const torch::NoGradGuard no_grad;
  const std::int64_t stride = latent_stride(), unit = stride * form().unit();
  const std::int64_t frames = rounded_up(x.size(1), unit);
  const std::int64_t window = rounded_up(separator_.window_frames(), unit);
  const torch::Tensor padded = diffusion::extended(x.to(device_), frames);
  std::vector<torch::Tensor> parts;
  // Neighbours lend a window so many frames of context; E looks a few frames far.
  for (std::int64_t start = 0; start < frames; start += window) {
    const std::int64_t before = std::min(start, unit * 8), after = unit * 8;
    const std::int64_t length = std::min(before + window + after, frames - (start - before));
    const torch::Tensor z = separator_.model()->encode(padded.narrow(1, start - before, length).unsqueeze(0));
    parts.push_back(z.squeeze(0).slice(2, before / stride, (before + window) / stride));
  }
  return torch::cat(parts, 2).narrow(2, 0, (x.size(1) + stride - 1) / stride);
}

torch::Tensor Recomposer::blank(std::int64_t samples) {
  const std::int64_t per_frame = latent_stride() * separator_.codec().hop();
  return torch::zeros({form().components, form().channels, (samples + per_frame - 1) / per_frame})
      .to(device_);
}

torch::Tensor Recomposer::recompose(const torch::Tensor& z, const Mask& mask, std::uint64_t index) {
  return recomposition::recompose(prior_, z, mask, options_.how, options_.separator.seed, index);
}

torch::Tensor Recomposer::noise(std::int64_t frames, std::uint64_t index) const {
  const torch::NoGradGuard no_grad;
  const torch::Generator generator = make_generator(options_.separator.seed, "noise", index);
  return prior_->restored(form().noise(frames, generator).to(device_));
}

torch::Tensor Recomposer::components(const torch::Tensor& z, std::uint64_t first) {
  const torch::NoGradGuard no_grad;
  const std::int64_t stride = latent_stride();
  const std::int64_t multiple =
      std::max<std::int64_t>(1, separator_.model()->unet->frame_multiple() / stride);
  const torch::Tensor padded = diffusion::extended(z.to(device_), rounded_up(z.size(2), multiple));
  const std::int64_t window = std::max(multiple, separator_.window_frames() / stride);
  // z is held over the stride, so that windows of it and what they become have the same frames.
  const torch::Tensor joined = diffusion::in_windows(
      padded.repeat_interleave(stride, 2),
      {window * stride, options_.separator.overlap, multiple * stride, 1},
      [&](const torch::Tensor& held, std::int64_t number) {
        const torch::Tensor own = held.slice(3, 0, held.size(3), stride);
        const decomposition::DecomposeOptions how{options_.separator.steps, false, options_.separator.solver};
        return decomposition::render(
            separator_.model(), own, how,
            make_generator(options_.separator.seed, "render", first + static_cast<std::uint64_t>(number)));
      });
  return joined.narrow(2, 0, z.size(2) * stride);
}

torch::Tensor Recomposer::decode(const torch::Tensor& z, std::int64_t k, std::uint64_t first) {
  return separator_.decode(components(z, first).narrow(0, k, 1)).squeeze(0);
}

}  // namespace partita::recomposition
