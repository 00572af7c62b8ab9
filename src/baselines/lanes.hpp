#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace partita::baselines {

/// Neighbouring values that go the same way side by side: loops over them become vector instructions.
constexpr std::size_t kLanes = 16;
using Lanes = std::array<float, kLanes>;

/// The first `count` of the lanes, the others zero.
[[nodiscard]] inline Lanes load_lanes(const float* values, std::int64_t count) {
  Lanes lanes{};
  std::copy_n(values, count, lanes.begin());
  return lanes;
}

}  // namespace partita::baselines
