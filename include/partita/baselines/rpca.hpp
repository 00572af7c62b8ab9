#pragma once

#include <torch/types.h>

#include <cstdint>

#include "partita/baselines/baseline.hpp"

namespace partita::baselines {

/// Robust principal component analysis (Huang 2012): the background is low-rank, the foreground sparse.
/// nussl's defaults.
struct RpcaOptions {
  std::int64_t iterations = 100;
  double tolerance = 1e-7;          ///< of |matrix − low rank − sparse| over |matrix|
  double high_pass_cutoff = 100.0;  ///< Hz; what lies below is background
};

struct LowRankAndSparse {
  torch::Tensor low_rank, sparse;
};

/// A matrix `[row, column]` as the sum of both, float64, by the inexact augmented Lagrange multiplier
/// method (Lin 2010). Throws Interrupted between iterations.
[[nodiscard]] LowRankAndSparse robust_pca(const torch::Tensor& matrix, const RpcaOptions& options = {});

/// Binary masks, each channel alone: foreground (sparse) drums, background (low-rank) bass.
[[nodiscard]] Baseline rpca(const RpcaOptions& options = {});

}  // namespace partita::baselines
