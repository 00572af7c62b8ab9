#pragma once

#include <cstdint>
#include <vector>

#include "partita/training/error.hpp"

namespace partita::training {

/// The examples [first, first + count) of a step's batch: what one backward pass takes.
struct Slice {
  std::int64_t step = 0, first = 0, count = 0;
};

/// Which clips, and which frames of them, make up the batch of a step. A pure function of
/// (seed, step): epochs are shuffled by the seed and their number, crops are drawn by the seed and
/// the step, and a batch may reach over the end of an epoch.
class Batches {
 public:
  struct Batch {
    std::vector<std::int64_t> clips;
    std::vector<std::int64_t> offsets;  ///< first frame of each clip's crop
  };

  /// Throws TrainingError if there are no clips, or they are shorter than a crop.
  Batches(std::int64_t clips, std::int64_t clip_frames, std::int64_t batch_size, std::int64_t crop_frames,
          std::uint64_t seed);

  [[nodiscard]] Batch at(std::int64_t step);
  [[nodiscard]] Batch at(const Slice& slice);
  /// A number of its own for each example of a run: what is drawn for an example depends on the seed and on
  /// this alone, not on how the batch was sliced.
  [[nodiscard]] std::uint64_t example(std::int64_t step, std::int64_t place) const {
    return static_cast<std::uint64_t>(step * batch_size_ + place);
  }

 private:
  void shuffle(std::int64_t epoch);

  std::int64_t clips_, offsets_, batch_size_;
  std::uint64_t seed_;
  std::int64_t epoch_ = -1;
  std::vector<std::int64_t> order_;
};

}  // namespace partita::training
