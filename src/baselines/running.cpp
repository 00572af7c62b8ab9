#include "running.hpp"

#include <torch/types.h>

namespace partita::baselines {

torch::Tensor mirrored(const torch::Tensor& rows, std::int64_t half) {
  const std::int64_t n = rows.size(1);
  const torch::Tensor place = torch::remainder(torch::arange(-half, n + half, torch::kLong), 2 * n);
  return rows.index_select(1, torch::minimum(place, 2 * n - 1 - place));
}

}  // namespace partita::baselines
