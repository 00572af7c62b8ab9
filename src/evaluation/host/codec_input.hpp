#pragma once

#include <filesystem>

#include "partita/codec/codec.hpp"
#include "partita/evaluation/separation.hpp"

namespace partita::evaluation {

/// The first `seconds` of a file (0: all) `[channel, sample]` at the codec's rate; where the channels differ
/// in number, the mean in each.
[[nodiscard]] torch::Tensor read_for(const codec::Codec& codec, const std::filesystem::path& file,
                                     double seconds);

/// A clip's mixture in the same way.
[[nodiscard]] torch::Tensor heard_by(const codec::Codec& codec, const Clip& clip);

/// Whether a channel is silent.
[[nodiscard]] bool any_silent(const torch::Tensor& samples);

}  // namespace partita::evaluation
