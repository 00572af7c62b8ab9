#pragma once

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace partita::baselines {

/// What `work` makes of 0 to count - 1, one thread each, stacked.
template <class Work>
torch::Tensor side_by_side(std::int64_t count, const Work& work) {
  std::vector<torch::Tensor> results(static_cast<std::size_t>(count));
  at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
    const torch::NoGradGuard no_gradient;
    for (std::int64_t i = begin; i < end; ++i) results[static_cast<std::size_t>(i)] = work(i);
  });
  return torch::stack(results);
}

}  // namespace partita::baselines
