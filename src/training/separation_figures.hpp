#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "partita/codec/codec.hpp"
#include "partita/data/store.hpp"
#include "partita/training/loop.hpp"

namespace partita::training {

struct SeparationFigures {
  std::vector<std::int64_t> assignment;  ///< component of each source, one for the whole set
  std::vector<double> per_source;        ///< mean SI-SDR in dB
  double mean = 0.0;                     ///< of the sources' means
  std::vector<Sound> sounds;             ///< of the first clip: the mixture and the estimate of each source
};

/// "si_sdr" and "si_sdr_<source>", and the sounds.
void add_separation(Validation& validation, const SeparationFigures& separation,
                    const std::vector<std::string>& sources);

/// Separation of a split's kept audio by a model in training: components as Wiener masks on the
/// mixture's STFT at the codec's rate, SI-SDR under the best fixed assignment.
class SeparationCheck {
 public:
  /// Takes at most `clips` of the clips that kept their audio.
  SeparationCheck(const data::LatentStore& split, std::int64_t clips);
  /// None where there is no split, where it keeps no audio of sources, and for no clips.
  [[nodiscard]] static std::optional<SeparationCheck> of(const std::optional<data::LatentStore>& split,
                                                         std::int64_t clips);

  /// Latents `[batch, channel, frame]`, of which the first is clip number `first`, to components
  /// `[batch, component, channel, frame]`.
  using Decompose = std::function<torch::Tensor(const torch::Tensor& x, std::int64_t first)>;

  /// On windows whose frames are a multiple of `frame_multiple`. None where there are fewer components than
  /// sources, or the clips are shorter than that.
  [[nodiscard]] std::optional<SeparationFigures> measure(const Decompose& decompose,
                                                         std::int64_t frame_multiple);

 private:
  torch::Tensor mixture_;  ///< `[clip, sample]`
  torch::Tensor sources_;  ///< `[clip, source, sample]`
  std::vector<std::string> source_names_;
  std::shared_ptr<codec::Codec> codec_;
  torch::Tensor latents_;  ///< `[clip, channel, frame]`
};

}  // namespace partita::training
