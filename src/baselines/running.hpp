#pragma once

#include <torch/types.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace partita::baselines {

/// Where a row of `n` values has the one that stands at `place`, which may lie beyond both ends: they are
/// mirrored (d c b a | a b c d | d c b a) as scipy.ndimage's mode "reflect" does it.
[[nodiscard]] inline std::int64_t mirrored(std::int64_t place, std::int64_t n) {
  const std::int64_t around = ((place % (2 * n)) + 2 * n) % (2 * n);
  return std::min(around, 2 * n - 1 - around);
}

/// Running medians of `kernel` values, an odd number, along the first axis of `[n, column]`, ends mirrored:
/// float32, contiguous.
[[nodiscard]] torch::Tensor running_median(const torch::Tensor& values, std::int64_t kernel);

/// What an associative operation makes of each `width` neighbours of a row of n + width - 1: n values. Takes
/// a step for each binary digit of the width.
template <class Operation>
void over_windows(std::span<const double> row, std::size_t width, const Operation& operation,
                  std::span<double> result) {
  std::vector<double> spans(row.begin(), row.end());  // of 1, 2, 4, ... values
  std::size_t done = 0;
  for (std::size_t length = 1; length <= width; length *= 2) {
    if ((width & length) != 0) {
      const double* more = spans.data() + done;
      if (done == 0) std::copy_n(more, result.size(), result.begin());
      for (std::size_t i = 0; i < result.size() && done > 0; ++i) result[i] = operation(result[i], more[i]);
      done += length;
    }
    for (std::size_t i = 0; i + length < spans.size(); ++i) {
      spans[i] = operation(spans[i], spans[i + length]);
    }
  }
}

}  // namespace partita::baselines
