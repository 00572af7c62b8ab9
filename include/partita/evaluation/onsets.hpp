#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "partita/evaluation/si_metrics.hpp"

namespace partita::evaluation {

/// Frames at which something begins in latents that are spectra `[band, frame]`: peaks of the spectral flux
/// (the sum of all rises from one frame to the next) that are the highest within `apart` frames on either
/// side and stand above the mean of all by half a deviation (Dixon 2006). Throws EvaluationError for another
/// shape.
[[nodiscard]] std::vector<std::int64_t> onsets(const torch::Tensor& latents, std::int64_t apart = 3);

/// F-measure of two lists of onsets in ascending order: an onset of the one counts where it can be paired
/// with one of the other at most `tolerance` frames away, each once. 0 where a list is empty.
[[nodiscard]] double onset_agreement(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b,
                                     std::int64_t tolerance);

}  // namespace partita::evaluation
