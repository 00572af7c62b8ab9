#pragma once

#include <torch/types.h>

#include <cstdint>

namespace partita::baselines {

/// Rows `[row, n]` with `half` more values at each end, mirrored (d c b a | a b c d | d c b a) as
/// scipy.ndimage's mode "reflect" has them: `[row, n + 2·half]`.
[[nodiscard]] torch::Tensor mirrored(const torch::Tensor& rows, std::int64_t half);

}  // namespace partita::baselines
