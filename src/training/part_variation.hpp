#pragma once

#include <torch/types.h>

#include <cstdint>

#include "stages.hpp"

namespace partita::training {

/// Which numbers are drawn: those of `purpose` for the examples from `first` on.
struct VariationDraw {
  std::uint64_t seed;
  const char* purpose;
  std::uint64_t first;
};

/// Parts of remixes `[batch, component, channel, frame]` as other instruments would play them, each varied on
/// its own: read at channels stretched by a factor in [1/transposition, transposition] (on mel bands, which
/// are nearly even in hertz where a bass sounds, another pitch), times a gain in [1/gain, gain], times an
/// equalizer's curve in [1/equalizer, equalizer] over the channels, straight between a few bends.
[[nodiscard]] torch::Tensor varied_parts(const torch::Tensor& parts, const RemixOptions& options,
                                         const VariationDraw& draw);

}  // namespace partita::training
