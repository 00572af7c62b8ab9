#pragma once

#include <torch/types.h>

#include <cstdint>

#include "partita/audio/stft.hpp"
#include "partita/decomposition/composition.hpp"

namespace partita::decomposition {

/// Power spectra of the components, on a codec's grid of time and frequency.
struct ComponentSpectra {
  torch::Tensor power;  ///< `[component, bin, frame]`, non-negative; bins spread evenly over 0 … bandwidth
  double bandwidth = 0.0;   ///< Hz: half the codec's sample rate
  double frame_rate = 0.0;  ///< Hz; frame i is centred on i / frame_rate seconds
};

struct RefineOptions {
  double mask_power = 2.0;     ///< p: masks are |X|^p over the components' sum of |X|^p
  std::int64_t window = 2048;  ///< of the song's STFT at 44.1 kHz
};

/// The power of two nearest (in ratio) to `window` samples of 44.1 kHz at another rate; at least 16.
[[nodiscard]] std::int64_t scaled_window(std::int64_t window, int sample_rate);

/// Generalised Wiener masks `[component, bin, frame]` on the STFT grid of a song at `sample_rate`:
/// P^(p/2) over its sum, the spectra brought to the song's times and frequencies by linear
/// interpolation. They are non-negative and add up to one. Where no component has power all have
/// equal shares; above the spectra's band each has the share that it has of the band's top octave.
[[nodiscard]] torch::Tensor wiener_masks(const ComponentSpectra& spectra, int sample_rate,
                                         const audio::StftOptions& grid, std::int64_t frames,
                                         double mask_power);

/// Stems `[component, channel, sample]` of a song `[channel, sample]` at its own rate: the masks
/// applied to each channel's STFT. Their sum is the song, but for rounding in the last place.
/// Throws DecompositionError for tensors of other shapes.
[[nodiscard]] torch::Tensor refine(const torch::Tensor& samples, int sample_rate,
                                   const ComponentSpectra& spectra, const RefineOptions& options = {});

/// `stems` `[stem, ...]` with the small rest mixture − Σ stems shared equally among them.
[[nodiscard]] torch::Tensor share_residual(const torch::Tensor& stems, const torch::Tensor& mixture);

}  // namespace partita::decomposition
