#pragma once

#include <torch/types.h>

#include <cstdint>

#include "partita/baselines/baseline.hpp"

namespace partita::baselines {

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

/// Percussive: drums; harmonic: bass. Throws BaselineError for even kernels.
[[nodiscard]] Baseline hpss(const HpssOptions& options = {});

}  // namespace partita::baselines
