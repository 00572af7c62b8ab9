#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "lanes.hpp"

namespace partita::baselines {

/// Medians by exchanges whose places do not depend on the values, so that lanes go side by side: Batcher's
/// merge exchange (Knuth, The Art of Computer Programming 5.2.2, algorithm M), less the exchanges on which
/// the middle does not depend.
class MedianNetwork {
 public:
  explicit MedianNetwork(std::size_t count);
  /// Of `count` values, which it reorders; the mean of the middle two of an even number.
  [[nodiscard]] Lanes median(std::vector<Lanes>& values) const;

 private:
  std::vector<std::pair<std::size_t, std::size_t>> exchanges_;
};

}  // namespace partita::baselines
