#pragma once

#include <torch/types.h>

#include <cstdint>

namespace partita::baselines {

/// A change of rate by a small fraction with windowed sincs (Smith's method as in julius.resample_frac: 24
/// zero crossings, cut off at 0.945 of the lower rate). Differentiable.
class SincResampler {
 public:
  SincResampler(std::int64_t from, std::int64_t to);
  /// `[..., n]` to `[..., ⌊n · to / from⌋]`.
  [[nodiscard]] torch::Tensor operator()(const torch::Tensor& samples) const;

 private:
  std::int64_t from_, to_, width_;
  torch::Tensor kernels_;  ///< `[to, 1, tap]`
};

}  // namespace partita::baselines
