#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "partita/base/progress.hpp"

namespace partita::data {

/// Runs `work(item)` for every item in `count` forked processes, item i in process i mod count, and
/// advances `progress` by what each returns. The first failure, or an interrupt, stops all of them and is
/// thrown here: DataError with the worker's message, or Interrupted. Call it before starting threads.
void run_forked(const std::vector<std::int64_t>& items, int count,
                const std::function<std::int64_t(std::int64_t)>& work, Progress& progress);

/// As many processes as were asked for, 0 meaning one a core, but no more than there are items.
[[nodiscard]] int worker_count(int asked, std::size_t items);

}  // namespace partita::data
