#pragma once

#include <chrono>

namespace partita {

/// The time since it was made.
class Stopwatch {
 public:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] Clock::duration elapsed() const { return Clock::now() - start_; }
  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(elapsed()).count(); }

 private:
  Clock::time_point start_ = Clock::now();
};

}  // namespace partita
