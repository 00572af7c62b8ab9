#pragma once

#include <torch/types.h>

#include "partita/audio/stft.hpp"
#include "partita/baselines/baseline.hpp"

namespace partita::baselines {

/// The lengths of nussl's STFT: at least 32 ms, a power of two; a quarter of it from frame to frame. Its
/// window is the root of a Hann window, ours a Hann window.
[[nodiscard]] audio::StftOptions nussl_resolution(int sample_rate);

/// The foreground's mask, from the background's `[channel, bin, frame]` from 0 to 1. As in nussl, bins
/// below `high_pass_cutoff` Hz are background.
[[nodiscard]] torch::Tensor foreground(const torch::Tensor& background, const Spectrogram& spectrogram,
                                       double high_pass_cutoff);

}  // namespace partita::baselines
