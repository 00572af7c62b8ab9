#pragma once

#include <torch/types.h>

#include <cstdint>

#include "partita/baselines/baseline.hpp"

namespace partita::baselines {

/// Separation by the 2-D Fourier transform of the spectrogram (Seetharaman 2017): what repeats makes
/// peaks there, and is the background. nussl's defaults: soft peaks by their height over the local
/// deviation.
struct Ft2dOptions {
  std::int64_t neighbourhood = 25;  ///< points along the axis of temporal modulation, odd
  double high_pass_cutoff = 100.0;  ///< Hz; what lies below is background
};

/// Background masks from 0 to 1 of magnitudes `[channel, bin, frame]`, which a sine of full scale brings to
/// about one half; the same shape. Throws BaselineError for other shapes and an even neighbourhood.
[[nodiscard]] torch::Tensor ft2d_background(const torch::Tensor& magnitude, const Ft2dOptions& options = {});

/// Soft masks, each channel alone: foreground drums, background (repeating) bass.
[[nodiscard]] Baseline ft2d(const Ft2dOptions& options = {});

}  // namespace partita::baselines
