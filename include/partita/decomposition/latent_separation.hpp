#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>

#include "partita/codec/codec.hpp"
#include "partita/decomposition/separator.hpp"

namespace partita::decomposition {

/// What takes a codec's latents apart.
struct LatentSeparation {
  codec::Codec& codec;
  torch::Device device;
  std::int64_t components;
  /// Latents `[channel, frame]` on the device to components `[component, channel, frame]`.
  std::function<torch::Tensor(const torch::Tensor& latents)> decompose;
  /// These to sound `[component, sample]` on the CPU, for stems without refinement.
  std::function<torch::Tensor(const torch::Tensor& components)> decode;
};

/// Stems `[component, channel, sample]` of a whole short waveform `[channel, sample]` at `sample_rate`, on
/// the CPU: see Separator::separate. Of `options` the refinement (None, or masks by the components), the
/// masks' power and window count. Throws DecompositionError for a waveform of another shape.
[[nodiscard]] torch::Tensor separate_by_latents(const LatentSeparation& separation,
                                                const torch::Tensor& samples, int sample_rate,
                                                const SeparatorOptions& options);

}  // namespace partita::decomposition
