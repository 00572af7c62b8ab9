#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "partita/base/progress.hpp"

namespace partita::data {

/// Runs `work(item)` for every item in `count` forked processes, item i in process i mod count, and
/// advances `progress` by one for each. The first failure, or an interrupt, stops all of them and is
/// thrown here: DataError with the worker's message, or Interrupted. Call it before starting threads.
void run_forked(const std::vector<std::int64_t>& items, int count,
                const std::function<void(std::int64_t)>& work, Progress& progress);

}  // namespace partita::data
