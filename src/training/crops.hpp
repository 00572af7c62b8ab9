#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "partita/data/store.hpp"
#include "partita/training/batches.hpp"
#include "partita/training/trainer.hpp"

namespace partita::training {

/// The crops of a batch, `[batch, channel, frame]`.
[[nodiscard]] torch::Tensor crops(const data::LatentStore& split, const Batches::Batch& batch,
                                  std::int64_t frames);

/// The middle `frames` frames of clips, `[batch, channel, frame]`.
[[nodiscard]] torch::Tensor middle_crops(const data::LatentStore& split,
                                         const std::vector<std::int64_t>& clips, std::int64_t frames);

/// Of the first `clips` clips, taken in a circle, the `count` that are `by` after those from `first` on.
[[nodiscard]] std::vector<std::int64_t> clips_after(std::int64_t first, std::int64_t count, std::int64_t by,
                                                    std::int64_t clips);

/// Batches drawn for each of `count` parts on its own; `purpose` tells their seeds from others'.
[[nodiscard]] std::vector<Batches> batches_of_parts(const data::LatentStore& split,
                                                    const TrainingOptions& options, const char* purpose,
                                                    std::int64_t count);

/// Calls `draw` with each of 0 … count − 1, on several threads: examples draw from generators of their own.
void for_each_example(std::int64_t count, const std::function<void(std::int64_t)>& draw);

/// Why one of the clips of the steps [first, last) makes a loss that is not finite; empty if all are.
[[nodiscard]] std::string unusable_clip(const data::LatentStore& split, Batches& batches, std::int64_t first,
                                        std::int64_t last);

/// The training split of a store that keeps its audio. Throws TrainingError for one that does not.
[[nodiscard]] data::LatentStore open_training_audio(const std::filesystem::path& store);

/// The same over the batches of all parts.
[[nodiscard]] std::string unusable_clip(const data::LatentStore& split, std::vector<Batches>& batches,
                                        std::int64_t first, std::int64_t last);

/// The validation split of a store, where it has one with clips.
[[nodiscard]] std::optional<data::LatentStore> open_validation(const std::filesystem::path& store);

/// The mean over the first `clips` clips of a loss that is computed on `count` of them from `first` on.
/// Throws Interrupted between batches.
[[nodiscard]] double mean_in_batches(
    std::int64_t clips, const std::function<torch::Tensor(std::int64_t first, std::int64_t count)>& loss);

}  // namespace partita::training
