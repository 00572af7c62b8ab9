#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "partita/codec/codec.hpp"
#include "partita/data/store.hpp"
#include "partita/decomposition/model.hpp"

namespace partita::training {

struct SeparationFigures {
  std::vector<std::int64_t> assignment;  ///< component of each source, one for the whole set
  std::vector<double> per_source;        ///< mean SI-SDR in dB
  double mean = 0.0;                     ///< of the sources' means
};

/// Separation of a split's kept audio by a model in training: components as Wiener masks on the
/// mixture's STFT at the codec's rate, SI-SDR under the best fixed assignment.
class SeparationCheck {
 public:
  /// Takes at most `clips` of the clips that kept their audio.
  SeparationCheck(const data::LatentStore& split, std::int64_t clips);

  /// None where the model has fewer components than there are sources, or the clips are shorter than
  /// the U-Net needs. The model must be in evaluation mode.
  [[nodiscard]] std::optional<SeparationFigures> measure(decomposition::DecompositionModel& model,
                                                         std::uint64_t seed, torch::Device device);

 private:
  torch::Tensor mixture_;  ///< `[clip, sample]`
  torch::Tensor sources_;  ///< `[clip, source, sample]`
  std::shared_ptr<codec::Codec> codec_;
  torch::Tensor latents_;  ///< `[clip, channel, frame]`
};

}  // namespace partita::training
