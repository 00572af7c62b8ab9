#pragma once

#include <torch/types.h>

#include <cstdint>

#include "partita/base/error.hpp"

namespace partita::baselines {

class BaselineError : public Error {
 public:
  using Error::Error;
};

/// Harmonic/percussive separation by median filtering (Fitzgerald 2010), librosa's defaults with
/// squared soft masks.
struct HpssOptions {
  std::int64_t window = 2048;
  std::int64_t hop = 512;
  std::int64_t harmonic_kernel = 31;    ///< frames
  std::int64_t percussive_kernel = 31;  ///< bins
  double power = 2.0;
};

/// Soft masks of magnitudes `[channel, bin, frame]`: `[2, channel, bin, frame]`, percussive, harmonic
/// (librosa.decompose.hpss with mask=True). Throws BaselineError for other shapes and even kernels.
[[nodiscard]] torch::Tensor hpss_masks(const torch::Tensor& magnitude, const HpssOptions& options = {});

/// `[channel, sample]` to `[2, channel, sample]`: percussive (drums), harmonic (bass). They add up.
/// Throws BaselineError for empty input and samples that are NaN or infinite.
[[nodiscard]] torch::Tensor hpss(const torch::Tensor& samples, const HpssOptions& options = {});

}  // namespace partita::baselines
