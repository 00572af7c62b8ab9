#pragma once

#include <cstdint>

namespace partita {

/// `value`, 0 or more, rounded up to a multiple of `unit`, 1 or more.
[[nodiscard]] constexpr std::int64_t rounded_up(std::int64_t value, std::int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace partita
