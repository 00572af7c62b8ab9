#include "median_network.hpp"

#include <algorithm>
#include <bit>

namespace partita::baselines {

MedianNetwork::MedianNetwork(std::size_t count) {
  const std::size_t top = std::bit_ceil(count) / 2;
  for (std::size_t p = top; p > 0; p /= 2) {
    for (std::size_t q = top, r = 0, distance = p;; distance = q - p, q /= 2, r = p) {
      for (std::size_t i = 0; i + distance < count; ++i) {
        if ((i & p) == r) exchanges_.emplace_back(i, i + distance);
      }
      if (q == p) break;
    }
  }
  std::vector<bool> needed(count);
  if (count > 0) needed[count / 2] = needed[(count - 1) / 2] = true;
  std::vector<std::pair<std::size_t, std::size_t>> kept;
  for (auto exchange = exchanges_.rbegin(); exchange != exchanges_.rend(); ++exchange) {
    const auto [low, high] = *exchange;
    if (!needed[low] && !needed[high]) continue;
    needed[low] = needed[high] = true;
    kept.push_back(*exchange);
  }
  exchanges_.assign(kept.rbegin(), kept.rend());
}

Lanes MedianNetwork::median(std::vector<Lanes>& values) const {
  for (const auto& [low, high] : exchanges_) {
    Lanes& a = values[low];
    Lanes& b = values[high];
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float less = std::min(a[lane], b[lane]), more = std::max(a[lane], b[lane]);
      a[lane] = less;
      b[lane] = more;
    }
  }
  const Lanes& a = values[(values.size() - 1) / 2];
  const Lanes& b = values[values.size() / 2];
  Lanes result;
  for (std::size_t lane = 0; lane < kLanes; ++lane) result[lane] = 0.5F * (a[lane] + b[lane]);
  return result;
}

}  // namespace partita::baselines
