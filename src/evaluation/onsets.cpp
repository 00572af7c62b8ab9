#include "partita/evaluation/onsets.hpp"

#include <algorithm>
#include <cstdlib>

namespace partita::evaluation {

std::vector<std::int64_t> onsets(const torch::Tensor& latents, std::int64_t apart) {
  if (!latents.defined() || latents.dim() != 2 || latents.size(1) < 2) {
    fail<EvaluationError>("onsets: expected spectra [band, at least 2 frames]");
  }
  const torch::Tensor x = latents.to(torch::kCPU, torch::kFloat64);
  const torch::Tensor flux = (x.slice(1, 1) - x.slice(1, 0, -1)).clamp_min(0.0).sum(0).contiguous();
  const double least = flux.mean().item<double>() + 0.5 * flux.std(false).item<double>();
  const double* values = flux.data_ptr<double>();
  const std::int64_t count = flux.size(0);
  std::vector<std::int64_t> found;
  for (std::int64_t i = 0; i < count; ++i) {
    const double* first = values + std::max<std::int64_t>(0, i - apart);
    const double* last = values + std::min(count, i + apart + 1);
    if (values[i] > least && std::max_element(first, last) == values + i) found.push_back(i + 1);
  }
  return found;
}

double onset_agreement(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b,
                       std::int64_t tolerance) {
  if (a.empty() || b.empty()) return 0.0;
  std::size_t i = 0, j = 0, pairs = 0;
  while (i < a.size() && j < b.size()) {
    if (std::abs(a[i] - b[j]) <= tolerance) {
      ++pairs;
      ++i;
      ++j;
    } else if (a[i] < b[j]) {
      ++i;
    } else {
      ++j;
    }
  }
  return 2.0 * static_cast<double>(pairs) / static_cast<double>(a.size() + b.size());
}

}  // namespace partita::evaluation
