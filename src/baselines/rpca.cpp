#include "partita/baselines/rpca.hpp"

#include <ATen/Parallel.h>
#include <torch/linalg.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "background.hpp"
#include "partita/base/interrupt.hpp"

namespace partita::baselines {
namespace {

/// LibTorch on one thread, until the end of a scope. Threads gain little in a small eigendecomposition, and
/// wait for each other long where a core is busy. The setting is the process's.
class OneThread {
 public:
  OneThread() { at::set_num_threads(1); }
  ~OneThread() { at::set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_ = at::get_num_threads();
};

/// Singular values and left singular vectors of a matrix that is not taller than wide, by its Gram
/// matrix, which is some times faster than its SVD: float64 leaves singular values of 1e-8 of the
/// largest, far below the thresholds.
struct LeftSingular {
  torch::Tensor values, vectors;  ///< `[row]`, ascending; `[row, row]`
};

LeftSingular left_singular(const torch::Tensor& matrix) {
  const auto [squares, vectors] = torch::linalg_eigh(matrix.mm(matrix.t()));
  return {squares.clamp_min(0.0).sqrt(), vectors};
}

/// The matrix with its singular values shrunk by `threshold`.
torch::Tensor shrink_rank(const torch::Tensor& matrix, double threshold) {
  const auto [values, vectors] = left_singular(matrix);
  const auto kept = (values > threshold).sum().item<std::int64_t>();
  const torch::Tensor share = 1.0 - threshold / values.slice(0, values.size(0) - kept);
  const torch::Tensor basis = vectors.slice(1, vectors.size(1) - kept);
  return (basis * share).mm(basis.t().mm(matrix));
}

LowRankAndSparse robust_pca_of_wide(const torch::Tensor& matrix, const RpcaOptions& options) {
  const double lambda = 1.0 / std::sqrt(static_cast<double>(std::max(matrix.size(0), matrix.size(1))));
  const double norm = left_singular(matrix).values.max().item<double>();
  const double total = matrix.norm().item<double>();
  if (total == 0.0) return {torch::zeros_like(matrix), torch::zeros_like(matrix)};
  torch::Tensor multiplier = matrix / std::max(norm, matrix.abs().max().item<double>() / lambda);
  torch::Tensor low_rank, sparse = torch::zeros_like(matrix);
  double mu = 1.25 / norm;
  const double largest_mu = mu * 1e7;
  for (std::int64_t i = 0; i < options.iterations; ++i) {
    throw_if_interrupted();
    const torch::Tensor shifted = torch::add(matrix, multiplier, 1.0 / mu);
    low_rank = shrink_rank(shifted - sparse, 1.0 / mu);
    sparse = torch::softshrink(shifted.sub_(low_rank), lambda / mu);
    const torch::Tensor residual = (matrix - low_rank).sub_(sparse);
    multiplier.add_(residual, mu);
    mu = std::min(mu * 1.5, largest_mu);
    if (residual.norm().item<double>() / total < options.tolerance) break;
  }
  return {low_rank, sparse};
}

}  // namespace

LowRankAndSparse robust_pca(const torch::Tensor& matrix, const RpcaOptions& options) {
  if (matrix.dim() != 2 || matrix.numel() == 0) {
    fail<BaselineError>("rpca: expected a matrix [row, column], found {}", c10::str(matrix.sizes()));
  }
  if (options.iterations < 1) {
    fail<BaselineError>("rpca: expected at least 1 iteration, found {}", options.iterations);
  }
  const torch::NoGradGuard no_gradient;
  std::optional<OneThread> one_thread;
  if (!at::in_parallel_region()) one_thread.emplace();
  const torch::Tensor precise = matrix.to(torch::kCPU, torch::kFloat64);
  if (matrix.size(0) <= matrix.size(1)) return robust_pca_of_wide(precise, options);
  const auto [low_rank, sparse] = robust_pca_of_wide(precise.t().contiguous(), options);
  return {low_rank.t(), sparse.t()};
}

Baseline rpca(const RpcaOptions& options) {
  return {"rpca", 30.0, nussl_resolution, [options](const Spectrogram& spectrogram) {
            check_magnitudes("rpca", spectrogram.magnitude);
            torch::Tensor background = torch::empty_like(spectrogram.magnitude);
            at::parallel_for(0, background.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
              const torch::NoGradGuard no_gradient;
              for (std::int64_t i = begin; i < end; ++i) {
                const auto [low_rank, sparse] = robust_pca(spectrogram.magnitude[i], options);
                background[i] = sparse.abs() <= low_rank.abs();
              }
            });
            return foreground(background, spectrogram, options.high_pass_cutoff);
          }};
}

}  // namespace partita::baselines
