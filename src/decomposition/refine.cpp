#include "partita/decomposition/refine.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace partita::decomposition {
namespace {

/// Power below which a component counts as silent: a sine 120 dB under full scale gives about
/// 1e-7 in a window of 2048.
constexpr double kSilence = 1e-10;
/// The part of a codec's band that its resampler passes whole.
constexpr double kReliableBand = 0.95;

/// `values` at fractional `positions` along an axis, linearly; the ends are held.
torch::Tensor interpolate(const torch::Tensor& values, std::int64_t axis, const torch::Tensor& positions) {
  const auto last = static_cast<double>(values.size(axis) - 1);
  const torch::Tensor inside = positions.clamp(0.0, last);
  const torch::Tensor lower = inside.floor();
  const torch::Tensor upper = (lower + 1.0).clamp_max(last);
  std::vector<std::int64_t> shape(static_cast<std::size_t>(values.dim()), 1);
  shape[static_cast<std::size_t>(axis)] = -1;
  const torch::Tensor share = (inside - lower).to(values.scalar_type()).view(shape);
  return torch::lerp(values.index_select(axis, lower.to(torch::kLong)),
                     values.index_select(axis, upper.to(torch::kLong)), share);
}

/// Mean power of the top octave of the reliable band, `[component, 1, frame]`. Single bins near the
/// band's edge hold too little power for a steady ratio; an octave of them does, and what lies above
/// it (cymbals, attacks, breath) mostly belongs to whatever fills it.
torch::Tensor top_octave(const torch::Tensor& power) {
  const auto last = static_cast<double>(power.size(1) - 1);
  const auto end = static_cast<std::int64_t>(std::ceil(last * kReliableBand)) + 1;
  const auto begin = static_cast<std::int64_t>(std::floor(last * kReliableBand / 2.0));
  return power.slice(1, begin, end).mean(1, true);
}

void check(const ComponentSpectra& spectra) {
  if (spectra.power.dim() != 3 || spectra.power.numel() == 0 || !spectra.power.is_floating_point()) {
    fail<DecompositionError>(
        "component spectra: expected a non-empty real [component, bin, frame], found {} axes, {} values",
        spectra.power.dim(), spectra.power.numel());
  }
  if (spectra.bandwidth <= 0.0 || spectra.frame_rate <= 0.0) {
    fail<DecompositionError>(
        "component spectra: expected a positive bandwidth and frame rate, found {} Hz and {} Hz",
        spectra.bandwidth, spectra.frame_rate);
  }
}

torch::Tensor on_song_grid(const ComponentSpectra& spectra, int sample_rate, const audio::StftOptions& grid,
                           std::int64_t frames) {
  const auto real = torch::dtype(torch::kFloat64).device(spectra.power.device());
  const torch::Tensor power = spectra.power.clamp_min(0.0);
  const double rate = sample_rate;
  const torch::Tensor frequencies =
      torch::arange(grid.window / 2 + 1, real) * (rate / static_cast<double>(grid.window));
  const double bins_per_hertz = static_cast<double>(power.size(1) - 1) / spectra.bandwidth;
  torch::Tensor banded = interpolate(power, 1, frequencies * bins_per_hertz);
  const torch::Tensor above = (frequencies > kReliableBand * spectra.bandwidth).view({1, -1, 1});
  banded = torch::where(above, top_octave(power), banded);
  const torch::Tensor times = torch::arange(frames, real) * (static_cast<double>(grid.hop) / rate);
  return interpolate(banded, 2, times * spectra.frame_rate);
}

}  // namespace

std::int64_t scaled_window(std::int64_t window, int sample_rate) {
  if (window < 1 || sample_rate < 1) {
    fail<DecompositionError>("mask window: expected positive samples and rate, found {} at {} Hz", window,
                             sample_rate);
  }
  const double samples = static_cast<double>(window) * sample_rate / 44100.0;
  const auto exponent = static_cast<int>(std::lround(std::log2(samples)));
  return std::int64_t{1} << std::clamp(exponent, 4, 30);
}

torch::Tensor wiener_masks(const ComponentSpectra& spectra, int sample_rate, const audio::StftOptions& grid,
                           std::int64_t frames, double mask_power) {
  check(spectra);
  if (!(mask_power > 0.0)) {
    fail<DecompositionError>("mask power: expected a positive number, found {}", mask_power);
  }
  const torch::Tensor power = on_song_grid(spectra, sample_rate, grid, frames);
  const torch::Tensor loudest = power.amax(0, true);
  const torch::Tensor raised = (power / loudest.clamp_min(kSilence)).pow(mask_power / 2.0);
  const torch::Tensor equal = torch::full_like(loudest, 1.0 / static_cast<double>(power.size(0)));
  return torch::where(loudest > kSilence, raised / raised.sum(0, true).clamp_min(kSilence), equal);
}

torch::Tensor refine(const torch::Tensor& samples, int sample_rate, const ComponentSpectra& spectra,
                     const RefineOptions& options) {
  if (samples.dim() != 2 || samples.numel() == 0) {
    fail<DecompositionError>("refine: expected samples [channel, sample], found {} axes, {} values",
                             samples.dim(), samples.numel());
  }
  const torch::NoGradGuard no_grad;
  const std::int64_t window = scaled_window(options.window, sample_rate);
  const audio::StftOptions grid{window, window / 4};
  const audio::Stft stft(grid, samples.device());
  torch::Tensor masks;
  std::vector<torch::Tensor> channels;
  channels.reserve(static_cast<std::size_t>(samples.size(0)));
  for (const torch::Tensor& channel : samples.unbind(0)) {
    const torch::Tensor spectrum = stft.forward(channel);
    if (!masks.defined()) {
      masks = wiener_masks(spectra, sample_rate, grid, spectrum.size(-1), options.mask_power)
                  .to(samples.device(), samples.scalar_type());
    }
    channels.push_back(share_residual(stft.inverse(masks * spectrum, samples.size(1)), channel));
  }
  return torch::stack(channels, 1);
}

torch::Tensor share_residual(const torch::Tensor& stems, const torch::Tensor& mixture) {
  const torch::Tensor rest = mixture.to(torch::kFloat64) - stems.sum(0, false, torch::kFloat64);
  return stems + (rest / static_cast<double>(stems.size(0))).to(stems.scalar_type());
}

}  // namespace partita::decomposition
