#include "crops.hpp"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "partita/base/interrupt.hpp"
#include "partita/base/random.hpp"

namespace partita::training {
namespace {

constexpr std::int64_t kValidationBatch = 16;

}  // namespace

torch::Tensor crops(const data::LatentStore& split, const Batches::Batch& batch, std::int64_t frames) {
  return split.mixture_crops(batch.clips, batch.offsets, frames);
}

torch::Tensor middle_crops(const data::LatentStore& split, const std::vector<std::int64_t>& clips,
                           std::int64_t frames) {
  const std::int64_t offset = (split.info().clip_frames - frames) / 2;
  return split.mixture_crops(clips, std::vector<std::int64_t>(clips.size(), offset), frames);
}

std::vector<std::int64_t> clips_after(std::int64_t first, std::int64_t count, std::int64_t by,
                                      std::int64_t clips) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), first + by);
  for (std::int64_t& index : indices) index %= clips;
  return indices;
}

std::vector<Batches> batches_of_parts(const data::LatentStore& split, const TrainingOptions& options,
                                      const char* purpose, std::int64_t count) {
  std::vector<Batches> batches;
  for (std::int64_t part = 0; part < count; ++part) {
    batches.emplace_back(split.size(), split.info().clip_frames, options.batch_size, options.crop_frames,
                         derive_seed(options.seed, purpose, static_cast<std::uint64_t>(part)));
  }
  return batches;
}

void for_each_example(std::int64_t count, const std::function<void(std::int64_t)>& draw) {
  at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) draw(i);
  });
}

std::string unusable_clip(const data::LatentStore& split, Batches& batches, std::int64_t first,
                          std::int64_t last) {
  for (std::int64_t step = first; step < last; ++step) {
    for (const std::int64_t clip : batches.at(step).clips) {
      if (!torch::isfinite(split.mixtures({clip})).all().item<bool>()) {
        return fmt::format("training clip {} has values that are not finite; prepare the store anew", clip);
      }
    }
  }
  return {};
}

data::LatentStore open_training_audio(const std::filesystem::path& store) {
  data::LatentStore split(store, "train");
  if (!split.has_audio()) {
    fail<TrainingError>(
        "{}: the store keeps no audio of its training clips; prepare it with --train-waveforms",
        store.string());
  }
  return split;
}

std::string unusable_clip(const data::LatentStore& split, std::vector<Batches>& batches, std::int64_t first,
                          std::int64_t last) {
  for (Batches& each : batches) {
    if (std::string reason = unusable_clip(split, each, first, last); !reason.empty()) return reason;
  }
  return {};
}

std::optional<data::LatentStore> open_validation(const std::filesystem::path& store) {
  if (!std::filesystem::is_directory(store / "validation")) return std::nullopt;
  data::LatentStore split(store, "validation");
  if (split.size() == 0) return std::nullopt;
  return split;
}

double mean_in_batches(std::int64_t clips,
                       const std::function<torch::Tensor(std::int64_t first, std::int64_t count)>& loss) {
  double sum = 0.0;
  for (std::int64_t first = 0; first < clips; first += kValidationBatch) {
    throw_if_interrupted();
    const std::int64_t count = std::min(kValidationBatch, clips - first);
    sum += static_cast<double>(count) * loss(first, count).item<double>();
  }
  return sum / static_cast<double>(clips);
}

}  // namespace partita::training
