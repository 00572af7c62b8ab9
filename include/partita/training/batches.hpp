#pragma once

#include <cstdint>
#include <vector>

#include "partita/training/error.hpp"

namespace partita::training {

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

 private:
  void shuffle(std::int64_t epoch);

  std::int64_t clips_, offsets_, batch_size_;
  std::uint64_t seed_;
  std::int64_t epoch_ = -1;
  std::vector<std::int64_t> order_;
};

}  // namespace partita::training
