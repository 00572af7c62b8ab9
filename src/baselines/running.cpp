#include "running.hpp"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <limits>

#include "lanes.hpp"

namespace partita::baselines {
namespace {

constexpr float kInfinite = std::numeric_limits<float>::infinity();

/// Takes one value out of each lane's sorted window and puts another in.
void replace(std::vector<Lanes>& sorted, const Lanes& old, const Lanes& fresh) {
  Lanes below;
  below.fill(-kInfinite);
  for (std::size_t i = 0; i + 1 < sorted.size(); ++i) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float same = sorted[i][lane], next = sorted[i + 1][lane];
      const float rest = same < old[lane] ? same : next;
      sorted[i][lane] = std::max(below[lane], std::min(rest, fresh[lane]));
      below[lane] = rest;
    }
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    sorted.back()[lane] = std::max(below[lane], fresh[lane]);
  }
}

/// The running medians of `count` columns of `[n, columns]`.
void median_of_lanes(const float* in, float* out, std::int64_t n, std::int64_t columns, std::int64_t count,
                     std::int64_t kernel) {
  Lanes infinite;
  infinite.fill(kInfinite);
  std::vector<Lanes> sorted(static_cast<std::size_t>(kernel), infinite);
  const std::int64_t half = kernel / 2;
  const auto value = [&](std::int64_t place) { return load_lanes(in + mirrored(place, n) * columns, count); };
  for (std::int64_t place = -half; place < half; ++place) replace(sorted, infinite, value(place));
  for (std::int64_t i = 0; i < n; ++i) {
    replace(sorted, i == 0 ? infinite : value(i - half - 1), value(i + half));
    std::copy_n(sorted[static_cast<std::size_t>(half)].begin(), count, out + i * columns);
  }
}

}  // namespace

torch::Tensor running_median(const torch::Tensor& values, std::int64_t kernel) {
  constexpr auto kStep = static_cast<std::int64_t>(kLanes);
  torch::Tensor medians = torch::empty_like(values);
  const std::int64_t n = values.size(0), columns = values.size(1);
  const float* in = values.data_ptr<float>();
  float* out = medians.data_ptr<float>();
  at::parallel_for(0, (columns + kStep - 1) / kStep, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin * kStep; first < std::min(columns, end * kStep); first += kStep) {
      median_of_lanes(in + first, out + first, n, columns, std::min(kStep, columns - first), kernel);
    }
  });
  return medians;
}

}  // namespace partita::baselines
