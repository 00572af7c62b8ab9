#pragma once

#include <torch/types.h>

#include <functional>

#include "partita/audio/file.hpp"
#include "partita/base/progress.hpp"
#include "partita/recomposition/recomposer.hpp"

namespace partita::recomposition {

/// z `[component, channel, frame]` of a file of any length, heard as its channels' mean, stretch by stretch.
/// Throws RecompositionError for a file without a sound in it.
[[nodiscard]] torch::Tensor latents_of(const std::filesystem::path& file, Recomposer& recomposer,
                                       Progress& progress);

/// Component k of z of any length, heard at `sample_rate`: blocks `[sample]` of `frames` samples in all,
/// stretch by stretch, joined by cross-fades.
void decode_stretches(Recomposer& recomposer, const torch::Tensor& z, std::int64_t k, int sample_rate,
                      std::int64_t frames, const std::function<void(const torch::Tensor& block)>& sink,
                      Progress& progress);

}  // namespace partita::recomposition
