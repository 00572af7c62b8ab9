#pragma once

#include <torch/types.h>

#include <cstdint>

#include "partita/audio/error.hpp"

namespace partita::audio {

struct StftOptions {
  std::int64_t window = 2048;  ///< samples, even; also the FFT size
  std::int64_t hop = 512;      ///< samples; at most half the window is safe, gaps between windows are refused
};

/// Short-time Fourier transform with a periodic Hann window, centred frames and reflected ends
/// (zeros where a signal is shorter than half a window). `inverse(forward(x), n)` is x to
/// rounding for every length, one sample included, and for hops that do not divide the window
/// (overlap-add over the sum of squared windows). Differentiable; float32 and float64. Throws
/// AudioError for unusable options, samples that are not real and spectra of another shape.
class Stft {
 public:
  explicit Stft(const StftOptions& options, torch::Device device = torch::kCPU);

  /// `[..., sample]` to complex `[..., bin, frame]`, bins = window/2 + 1,
  /// frames = 1 + ceil(sample / hop).
  [[nodiscard]] torch::Tensor forward(const torch::Tensor& samples) const;
  /// Back to `[..., length]`.
  [[nodiscard]] torch::Tensor inverse(const torch::Tensor& spectrum, std::int64_t length) const;
  [[nodiscard]] const StftOptions& options() const { return options_; }

 private:
  StftOptions options_;
  torch::Tensor window_;
};

}  // namespace partita::audio
