#include "partita/evaluation/si_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace partita::evaluation {
namespace {

constexpr double kSilence = 1e-10;  // mean square of a zero-mean reference

torch::Tensor zero_mean(const torch::Tensor& signal) {
  const torch::Tensor precise = signal.to(torch::kCPU, torch::kFloat64);
  return precise - precise.mean(-1, /*keepdim=*/true);
}

double energy(const torch::Tensor& signal) { return signal.square().sum().item<double>(); }

double decibels(double signal, double rest) {
  if (signal == 0.0) return -std::numeric_limits<double>::infinity();
  if (rest == 0.0) return std::numeric_limits<double>::infinity();
  return 10.0 * std::log10(signal / rest);
}

void check(const torch::Tensor& estimate, const torch::Tensor& references) {
  const std::int64_t samples = references.size(-1);
  if (estimate.dim() != 1 || estimate.size(0) != samples) {
    fail<EvaluationError>("expected an estimate of {} samples like its reference, found {}", samples,
                          c10::str(estimate.sizes()));
  }
  if (!torch::isfinite(estimate).all().item<bool>()) {
    fail<EvaluationError>("the estimate holds NaN or infinite samples: SI measures need finite ones");
  }
  if (!torch::isfinite(references).all().item<bool>()) {
    fail<EvaluationError>("a reference holds NaN or infinite samples: SI measures need finite ones");
  }
}

/// The part of `signal` that lies in the span of `rows` (pseudo-inverse of the Gram
/// matrix of the rows at equal energy, so that linearly dependent references do no harm).
torch::Tensor projection(const torch::Tensor& signal, const torch::Tensor& rows) {
  const torch::Tensor references = rows / rows.square().sum(1, /*keepdim=*/true).sqrt();
  const torch::Tensor gram = references.matmul(references.t());
  const torch::Tensor weights =
      torch::linalg_pinv(gram, 1e-12, /*hermitian=*/true).matmul(references.mv(signal));
  return references.t().mv(weights);
}

}  // namespace

bool is_silent(const torch::Tensor& reference) {
  return zero_mean(reference).square().mean().item<double>() < kSilence;
}

double si_sdr(const torch::Tensor& estimate, const torch::Tensor& reference) {
  if (reference.dim() != 1) {
    fail<EvaluationError>("expected a reference [sample], found {}", c10::str(reference.sizes()));
  }
  check(estimate, reference);
  if (is_silent(reference)) fail<EvaluationError>("SI-SDR needs a reference that is not silent");
  const torch::Tensor s = zero_mean(reference);
  const torch::Tensor e = zero_mean(estimate);
  const torch::Tensor target = s * (e.dot(s) / s.dot(s));
  return decibels(energy(target), energy(e - target));
}

SiMetrics si_metrics(const torch::Tensor& estimate, const torch::Tensor& references, std::int64_t target) {
  if (references.dim() != 2 || target < 0 || target >= references.size(0)) {
    fail<EvaluationError>("expected references [source, sample] with a source {}, found {}", target,
                          c10::str(references.sizes()));
  }
  check(estimate, references);
  if (is_silent(references[target])) fail<EvaluationError>("SI measures need a target that is not silent");
  std::vector<torch::Tensor> heard;
  for (std::int64_t i = 0; i < references.size(0); ++i) {
    if (!is_silent(references[i])) heard.push_back(zero_mean(references[i]));
  }
  const torch::Tensor s = zero_mean(references[target]);
  const torch::Tensor e = zero_mean(estimate);
  const torch::Tensor own = s * (e.dot(s) / s.dot(s));
  const torch::Tensor residual = e - own;
  const torch::Tensor interference = projection(residual, torch::stack(heard));
  const double signal = energy(own);
  return {decibels(signal, energy(residual)), decibels(signal, energy(interference)),
          decibels(signal, energy(residual - interference))};
}

std::vector<std::int64_t> best_assignment(const torch::Tensor& score) {
  if (score.dim() != 2 || score.size(0) < score.size(1)) {
    fail<EvaluationError>(
        "expected scores [component, source] with at least as many components as sources, found {}",
        c10::str(score.sizes()));
  }
  const torch::Tensor values = score.to(torch::kCPU, torch::kFloat64).contiguous();
  const auto table = values.accessor<double, 2>();
  std::vector<std::int64_t> order(static_cast<std::size_t>(values.size(0)));
  std::iota(order.begin(), order.end(), 0);
  const auto sources = static_cast<std::size_t>(values.size(1));
  std::vector<std::int64_t> best;
  double highest = -std::numeric_limits<double>::infinity();
  do {
    double total = 0.0;
    for (std::size_t source = 0; source < sources; ++source)
      total += table[order[source]][static_cast<std::int64_t>(source)];
    if (best.empty() || total > highest) {
      highest = total;
      best.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(sources));
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

}  // namespace partita::evaluation
