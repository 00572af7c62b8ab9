#include <algorithm>

#include "partita/base/interrupt.hpp"
#include "partita/base/stopwatch.hpp"
#include "partita/training/loop.hpp"

namespace partita::training {
namespace {

constexpr double kEnoughSeconds = 1.0;

template <class Work>
double seconds_of(const Work& work) {
  const Stopwatch stopwatch;
  work();
  return stopwatch.seconds();
}

}  // namespace

/// Of ever more steps, until they take long enough; the first ones, in which a device warms up, do not count.
double Loop::step_seconds(Pace& pace) {
  double first = 0.0;
  for (int steps = 1;; steps *= 2) {
    const double seconds = seconds_of([&] {
      for (int i = 0; i < steps; ++i) {
        throw_if_interrupted();
        train_step();
      }
      (void)loss_sum_.item<double>();  // waits for the device
    });
    if (steps == 1) first = seconds;
    if (steps == 1 || seconds < kEnoughSeconds) continue;
    pace.once += std::max(0.0, first - seconds / steps);
    return seconds / steps;
  }
}

Pace Loop::pace(const std::filesystem::path& scratch) {
  Pace pace;
  for (stage_ = 0; stage_ < objective_.stages().size(); ++stage_) {
    stage_step_ = 0;
    objective_.begin_stage(objective_.stages()[stage_].name);
    pace.step.push_back(step_seconds(pace));
  }
  --stage_;
  const double first = seconds_of([&] { (void)measured(); });
  pace.validation = seconds_of([&] { (void)measured(); });
  pace.once += std::max(0.0, first - pace.validation);
  pace.checkpoint = seconds_of([&] { write_checkpoint(scratch, checkpoint(), 1); });
  return pace;
}

}  // namespace partita::training
