#include <algorithm>
#include <cmath>

#include "partita/audio/resample.hpp"
#include "partita/decomposition/latent_separation.hpp"
#include "partita/decomposition/refine.hpp"

namespace partita::decomposition {
namespace {

/// Cut, or followed by zeros.
torch::Tensor of_length(const torch::Tensor& samples, std::int64_t length) {
  const std::int64_t missing = length - samples.size(-1);
  if (missing <= 0) return samples.slice(-1, 0, length);
  return torch::constant_pad_nd(samples, {0, missing});
}

void check(const torch::Tensor& samples, int sample_rate) {
  if (samples.dim() != 2 || samples.numel() == 0 || !samples.is_floating_point()) {
    fail<DecompositionError>("separate: expected real samples [channel, sample], found {} axes, {} values",
                             samples.dim(), samples.numel());
  }
  if (sample_rate < 1) fail<DecompositionError>("separate: expected a positive rate, found {}", sample_rate);
}

}  // namespace

torch::Tensor separate_by_latents(const LatentSeparation& separation, const torch::Tensor& samples,
                                  int sample_rate, const SeparatorOptions& options) {
  check(samples, sample_rate);
  const torch::NoGradGuard no_grad;
  codec::Codec& codec = separation.codec;
  const torch::Tensor song = samples.to(torch::kCPU, torch::kFloat32);
  if (song.abs().max().item<float>() == 0.0F) {
    return torch::zeros({separation.components, song.size(0), song.size(1)});
  }
  torch::Tensor heard = audio::resample(song.mean(0, true), sample_rate, codec.sample_rate());
  heard = of_length(heard, std::max<std::int64_t>(1, heard.size(1)));
  const torch::Tensor input = heard.expand({codec.channels(), heard.size(1)}).unsqueeze(0);
  const torch::Tensor components = separation.decompose(codec.encode(input.to(separation.device)).squeeze(0));
  if (options.refinement == Refinement::None) {
    const torch::Tensor waves = audio::resample(separation.decode(components).slice(-1, 0, heard.size(1)),
                                                codec.sample_rate(), sample_rate);
    return of_length(waves, song.size(1)).unsqueeze(1).repeat({1, song.size(0), 1});
  }
  const std::int64_t window = scaled_window(options.mask_window, codec.sample_rate());
  const ComponentSpectra spectra{codec.power_spectrum(components, window).to(torch::kCPU),
                                 codec.sample_rate() / 2.0, codec.frame_rate()};
  return refine(song, sample_rate, spectra, {options.mask_power, options.mask_window});
}

torch::Tensor Separator::separate(const torch::Tensor& samples, int sample_rate) {
  return separate_by_latents({*codec_, device_, static_cast<std::int64_t>(names_.size()),
                              [this](const torch::Tensor& latents) { return decompose_latents(latents); },
                              [this](const torch::Tensor& components) { return decode(components); }},
                             samples, sample_rate, options_);
}

}  // namespace partita::decomposition
