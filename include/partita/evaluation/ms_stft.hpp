#pragma once

#include <torch/types.h>

#include "partita/evaluation/si_metrics.hpp"

namespace partita::evaluation {

/// Multi-scale STFT distance of estimate to reference, both `[..., sample]` (RAVE's AudioDistanceV1): at
/// windows of 2048, 1024, 512, 256 and 128 samples, hops of a quarter, the squared error of the magnitudes
/// over their squares plus the mean error of their logarithms, summed; 0 is best. Magnitudes are those of
/// plain Hann windows, 1e-7 is added within the logarithms. Throws EvaluationError for other shapes and for
/// signals of 1024 samples or fewer.
[[nodiscard]] double ms_stft_distance(const torch::Tensor& estimate, const torch::Tensor& reference);

/// The same to learn from, of `[batch, sample]`: differentiable, the mean over the batch of each sound's own,
/// and finite for silence (magnitudes are over the window's energy, so that constants mean the same at each;
/// −60 dB is added to what squared errors are divided by, and 1e-6 within the logarithms, whose gradients
/// grow without bound as signals fade). Throws as `ms_stft_distance`.
[[nodiscard]] torch::Tensor ms_stft_loss(const torch::Tensor& estimate, const torch::Tensor& reference);

}  // namespace partita::evaluation
