#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "partita/audio/stft.hpp"
#include "partita/base/error.hpp"

namespace partita::baselines {

class BaselineError : public Error {
 public:
  using Error::Error;
};

/// What a baseline sees of a stretch of song.
struct Spectrogram {
  torch::Tensor magnitude;  ///< `[channel, bin, frame]`, float32, on the CPU, not silent
  int sample_rate = 0;
  std::int64_t hop = 0;  ///< samples from one frame to the next
  std::uint64_t seed = 0;
};

/// A classical separator of drums and bass by masks on the song's own STFT: all that tells one from
/// another is its name, its STFT and its mask.
struct Baseline {
  std::string name;
  double segment_seconds = 0.0;  ///< the stretch of a song that it wants to see at once
  std::function<audio::StftOptions(int sample_rate)> resolution;
  /// The share of the drums, `[channel, bin, frame]` from 0 to 1; the rest is the bass's.
  std::function<torch::Tensor(const Spectrogram& spectrogram)> drums;
};

/// Every baseline of the paper's table 2 with its usual options.
[[nodiscard]] const std::vector<Baseline>& all_baselines();
/// The one of that name; null where there is none.
[[nodiscard]] const Baseline* find_baseline(const std::string& name);

/// `[channel, sample]` to `[2, channel, sample]`: drums, bass, which add up to it. Silence stays silent.
/// Throws BaselineError for empty input, samples that are NaN or infinite and rates below 1.
[[nodiscard]] torch::Tensor separate(const Baseline& baseline, const torch::Tensor& samples, int sample_rate,
                                     std::uint64_t seed = 0);

/// Throws BaselineError unless magnitudes are `[channel, bin, frame]` and not empty.
void check_magnitudes(const std::string& name, const torch::Tensor& magnitude);

}  // namespace partita::baselines
