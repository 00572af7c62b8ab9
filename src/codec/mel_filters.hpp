#pragma once

#include <torch/types.h>

#include <cstdint>

namespace partita::codec {

/// Triangular filters on the HTK mel scale from 20 Hz to half the sample rate, `[band, bin]` with
/// bins = window/2 + 1. Each row adds up to one, so a band holds the mean power of its bins; bands
/// narrower than a bin are widened to one.
[[nodiscard]] torch::Tensor mel_filters(std::int64_t bands, std::int64_t window, int sample_rate);

/// Spreads band powers back over the bins, `[bin, band]`: each bin takes the mean of the bands that
/// cover it. Rows add up to one.
[[nodiscard]] torch::Tensor mel_spread(const torch::Tensor& filters);

}  // namespace partita::codec
