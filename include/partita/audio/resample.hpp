#pragma once

#include <torch/types.h>

#include <memory>

#include "partita/audio/error.hpp"

namespace partita::audio {

/// Streaming resampler (soxr, very high quality). Equal rates pass samples through untouched.
/// The output of all calls joined has round(n · to / from) samples, aligned with the input.
class Resampler {
 public:
  Resampler(int from_rate, int to_rate, int channels);
  ~Resampler();
  Resampler(Resampler&&) noexcept;

  /// `[channel, n]` in, `[channel, m]` out; m may be 0.
  torch::Tensor process(const torch::Tensor& samples);
  /// What is left after the last block.
  torch::Tensor finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A whole waveform `[channel, sample]` at another rate.
[[nodiscard]] torch::Tensor resample(const torch::Tensor& samples, int from_rate, int to_rate);

}  // namespace partita::audio
