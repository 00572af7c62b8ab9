#include "partita/training/batches.hpp"

#include <torch/types.h>

#include "partita/base/random.hpp"

namespace partita::training {

Batches::Batches(std::int64_t clips, std::int64_t clip_frames, std::int64_t batch_size,
                 std::int64_t crop_frames, std::uint64_t seed)
    : clips_(clips), offsets_(clip_frames - crop_frames + 1), batch_size_(batch_size), seed_(seed) {
  if (clips_ < 1) fail<TrainingError>("the training split has no clips; prepare a store with more songs");
  if (offsets_ < 1) {
    fail<TrainingError>("crop_frames is {}, but the store's clips have {} frames: lower crop_frames",
                        crop_frames, clip_frames);
  }
}

void Batches::shuffle(std::int64_t epoch) {
  if (epoch == epoch_) return;
  const torch::Tensor order = torch::randperm(
      clips_, make_generator(seed_, "epoch", static_cast<std::uint64_t>(epoch)), torch::kInt64);
  order_.assign(order.data_ptr<std::int64_t>(), order.data_ptr<std::int64_t>() + clips_);
  epoch_ = epoch;
}

Batches::Batch Batches::at(std::int64_t step) {
  const torch::Tensor drawn =
      torch::randint(offsets_, {batch_size_},
                     make_generator(seed_, "crops", static_cast<std::uint64_t>(step)), torch::kInt64);
  Batch batch;
  batch.offsets.assign(drawn.data_ptr<std::int64_t>(), drawn.data_ptr<std::int64_t>() + batch_size_);
  batch.clips.reserve(static_cast<std::size_t>(batch_size_));
  for (std::int64_t i = 0; i < batch_size_; ++i) {
    const std::int64_t position = step * batch_size_ + i;
    shuffle(position / clips_);
    batch.clips.push_back(order_[static_cast<std::size_t>(position % clips_)]);
  }
  return batch;
}

Batches::Batch Batches::at(const Slice& slice) {
  const Batch whole = at(slice.step);
  const auto part = [&](const std::vector<std::int64_t>& all) {
    return std::vector<std::int64_t>(all.begin() + slice.first, all.begin() + slice.first + slice.count);
  };
  return {part(whole.clips), part(whole.offsets)};
}

}  // namespace partita::training
