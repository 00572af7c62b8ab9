#include "partita/baselines/rpca.hpp"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "background.hpp"
#include "one_thread.hpp"
#include "partita/base/interrupt.hpp"
#include "side_by_side.hpp"

namespace partita::baselines {
namespace {

/// The lower triangle of a matrix times its transpose: half the work of the whole.
torch::Tensor lower_gram(const torch::Tensor& matrix) {
  constexpr std::int64_t kBlock = 128;
  const std::int64_t rows = matrix.size(0);
  torch::Tensor gram = torch::zeros({rows, rows}, matrix.options());
  for (std::int64_t first = 0; first < rows; first += kBlock) {
    const std::int64_t end = std::min(rows, first + kBlock);
    const torch::Tensor products = matrix.slice(0, first, end).mm(matrix.slice(0, 0, end).t());
    gram.slice(0, first, end).slice(1, 0, end).copy_(products);
  }
  return gram;
}

/// The matrix, which is not taller than wide, with its singular values shrunk by `threshold`. Values and left
/// vectors are found by its Gram matrix, which is some times faster than its SVD: float64 leaves singular
/// values of 1e-8 of the largest, far below the thresholds.
torch::Tensor shrink_rank(const torch::Tensor& matrix, double threshold) {
  const auto [squares, vectors] = torch::linalg_eigh(lower_gram(matrix), "L");
  const torch::Tensor values = squares.clamp_min(0.0).sqrt();
  const auto kept = (values > threshold).sum().item<std::int64_t>();
  const torch::Tensor share = 1.0 - threshold / values.slice(0, values.size(0) - kept);
  const torch::Tensor basis = vectors.slice(1, vectors.size(1) - kept);
  return (basis * share).mm(basis.t().mm(matrix));
}

/// What changes from iteration to iteration, of the matrix's shape.
struct Iterate {
  torch::Tensor sparse, multiplier;
  torch::Tensor next;  ///< what the next low-rank part is taken from
};

/// The step that follows upon a low-rank part, in one pass. Returns the norm of what both parts leave.
double shrink_entries(const torch::Tensor& matrix, const torch::Tensor& low_rank, double threshold, double mu,
                      double next_mu, const Iterate& iterate) {
  const double *m = matrix.data_ptr<double>(), *low = low_rank.data_ptr<double>();
  auto *sparse = iterate.sparse.data_ptr<double>(), *multiplier = iterate.multiplier.data_ptr<double>();
  auto* next = iterate.next.data_ptr<double>();
  double squares = 0.0;
  for (std::int64_t i = 0; i < matrix.numel(); ++i) {
    const double difference = m[i] - low[i], target = difference + multiplier[i] / mu;
    sparse[i] = target - std::clamp(target, -threshold, threshold);
    const double rest = difference - sparse[i];
    multiplier[i] += mu * rest;
    next[i] = m[i] - sparse[i] + multiplier[i] / next_mu;
    squares += rest * rest;
  }
  return std::sqrt(squares);
}

LowRankAndSparse robust_pca_of_wide(const torch::Tensor& matrix, const RpcaOptions& options) {
  const double lambda = 1.0 / std::sqrt(static_cast<double>(std::max(matrix.size(0), matrix.size(1))));
  const double norm =
      std::sqrt(std::max(0.0, torch::linalg_eigvalsh(lower_gram(matrix), "L").max().item<double>()));
  const double total = matrix.norm().item<double>();
  if (total == 0.0) return {torch::zeros_like(matrix), torch::zeros_like(matrix)};
  double mu = 1.25 / norm;
  const double largest_mu = mu * 1e7;
  Iterate iterate{
      torch::zeros_like(matrix), matrix / std::max(norm, matrix.abs().max().item<double>() / lambda), {}};
  iterate.next = torch::add(matrix, iterate.multiplier, 1.0 / mu);
  torch::Tensor low_rank;
  for (std::int64_t i = 0; i < options.iterations; ++i) {
    throw_if_interrupted();
    low_rank = shrink_rank(iterate.next, 1.0 / mu);
    const double next_mu = std::min(mu * 1.5, largest_mu);
    const double rest = shrink_entries(matrix, low_rank, lambda / mu, mu, next_mu, iterate);
    if (rest / total < options.tolerance) break;
    mu = next_mu;
  }
  return {low_rank, iterate.sparse};
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
  const OneThread one_thread;
  const torch::Tensor precise = matrix.to(torch::kCPU, torch::kFloat64).contiguous();
  if (matrix.size(0) <= matrix.size(1)) return robust_pca_of_wide(precise, options);
  const auto [low_rank, sparse] = robust_pca_of_wide(precise.t().contiguous(), options);
  return {low_rank.t(), sparse.t()};
}

Baseline rpca(const RpcaOptions& options) {
  return {"rpca", 30.0, nussl_resolution, [options](const Spectrogram& spectrogram) {
            check_magnitudes("rpca", spectrogram.magnitude);
            const torch::Tensor background = side_by_side(spectrogram.magnitude.size(0), [&](std::int64_t i) {
              const auto [low_rank, sparse] = robust_pca(spectrogram.magnitude[i], options);
              return (sparse.abs() <= low_rank.abs()).to(torch::kFloat32);
            });
            return foreground(background, spectrogram, options.high_pass_cutoff);
          }};
}

}  // namespace partita::baselines
