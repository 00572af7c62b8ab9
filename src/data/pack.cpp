#include "partita/data/pack.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "partita/data/store.hpp"
#include "store_files.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kShardClips = 64;
constexpr std::int64_t kOverhead = 1 << 16;  // bytes of headers and small files

using Clips = std::vector<std::int64_t>;

/// Clips as a shard takes them: codes, or latents.
torch::Tensor taken(const LatentStore& split, const Clips& clips) {
  if (split.info().codebooks == 0) return split.mixtures(clips);
  std::vector<torch::Tensor> rows;
  rows.reserve(clips.size());
  for (const std::int64_t clip : clips) rows.push_back(split.kept(clip));
  return torch::stack(rows);
}

Clips first(std::int64_t count) {
  Clips clips(static_cast<std::size_t>(count));
  std::iota(clips.begin(), clips.end(), 0);
  return clips;
}

/// `count` of a split's clips, evenly spread.
Clips spread_clips(std::int64_t count, std::int64_t size) {
  Clips clips;
  for (std::int64_t i = 0; i < count; ++i) clips.push_back(i * size / count);
  return clips;
}

/// The largest of the clips' latents; nothing where there are negative ones.
std::optional<double> highest(const LatentStore& split, const Clips& clips) {
  double most = 0.0;
  for (const std::int64_t clip : clips) {
    const torch::Tensor latents = split.mixtures({clip});
    if (!(latents.min().item<double>() >= 0.0)) return std::nullopt;
    most = std::max(most, latents.max().item<double>());
  }
  return most;
}

/// The audio of a split's first clips, mixture and sources, in half precision.
void add_audio(const LatentStore& split, std::int64_t count, StoreClips& kept) {
  const auto sound = [&](std::int64_t kind) {
    const Clips clips = first(count);
    return split.audio_crops(clips, Clips(clips.size(), kind), Clips(clips.size(), 0), split.audio_length())
        .to(torch::kFloat16);
  };
  kept.mixture_audio = sound(0);
  std::vector<torch::Tensor> sources;
  for (std::int64_t kind = 1; kind < split.sounds(); ++kind) sources.push_back(sound(kind));
  if (!sources.empty()) kept.source_audio = torch::stack(sources, 1);
}

std::int64_t bytes_below(const fs::path& folder) {
  std::int64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += static_cast<std::int64_t>(entry.file_size());
  }
  return bytes;
}

class Packer {
 public:
  explicit Packer(const PackOptions& options) : options_(options), train_(options.store, "train") {
    if (is_store(options.output)) {
      fail<DataError>("{}: holds a latent store already; remove it or choose another folder",
                      options.output.string());
    }
    if (fs::is_directory(options.store / "validation")) validation_.emplace(options.store, "validation");
    info_ = train_.info();
    info_.source_latents = false;
    report_.available = train_.size();
    if (!validation_) return;
    report_.validation_clips = std::min(options.validation_clips, validation_->size());
    report_.waveforms = std::min({options.waveforms, report_.validation_clips, validation_->audio_clips()});
  }

  PackReport run(Progress& progress) {
    info_.latent_step = report_.latent_step = step();
    report_.train_clips = affordable();
    progress.begin("packing", report_.train_clips, "clips");
    const Clips chosen = spread_clips(report_.train_clips, train_.size());
    for (std::size_t begin = 0; begin < chosen.size(); begin += kShardClips) {
      const std::size_t end = std::min(chosen.size(), begin + kShardClips);
      const Clips some(chosen.begin() + static_cast<std::ptrdiff_t>(begin),
                       chosen.begin() + static_cast<std::ptrdiff_t>(end));
      write_shard(options_.output, "train", fmt::format("{:05}", begin / kShardClips), info_,
                  {taken(train_, some), {}, {}, {}});
      progress.advance(static_cast<std::int64_t>(some.size()));
    }
    if (report_.validation_clips > 0) write_validation();
    finish_store(options_.output, info_);
    progress.end();
    report_.bytes = bytes_below(options_.output);
    return report_;
  }

 private:
  /// Of latents in 8 bits, whichever clips are kept; 0 for codes and where there are negative latents.
  [[nodiscard]] double step() const {
    if (info_.codebooks > 0) return 0.0;
    std::optional<double> most = highest(train_, first(train_.size()));
    if (most && report_.validation_clips > 0) {
      const std::optional<double> held_out = highest(*validation_, first(report_.validation_clips));
      most = held_out ? std::optional(std::max(*most, *held_out)) : std::nullopt;
    }
    return most.value_or(0.0) / kHighestByte;
  }

  /// Training clips that there is room for.
  [[nodiscard]] std::int64_t affordable() const {
    const torch::Tensor clip = train_.kept(0);
    const std::int64_t clip_bytes =
        clip.numel() * (info_.latent_step > 0.0 ? 1 : static_cast<std::int64_t>(clip.element_size()));
    std::int64_t held_out = report_.validation_clips * clip_bytes;
    if (report_.waveforms > 0)
      held_out += report_.waveforms * validation_->sounds() * validation_->audio_length() * 2;
    const std::int64_t count = (options_.bytes - kOverhead - held_out) / clip_bytes;
    if (count < 1) {
      fail<DataError>(
          "{}: a copy of {} bytes has no room for training clips of {} bytes beside {} bytes of validation; "
          "give it more, or keep less audio",
          options_.store.string(), options_.bytes, clip_bytes, held_out);
    }
    return std::min(count, train_.size());
  }

  void write_validation() const {
    StoreClips clips{taken(*validation_, first(report_.validation_clips)), {}, {}, {}};
    if (report_.waveforms > 0) add_audio(*validation_, report_.waveforms, clips);
    write_shard(options_.output, "validation", "00000", info_, clips);
  }

  PackOptions options_;
  LatentStore train_;
  std::optional<LatentStore> validation_;
  StoreInfo info_;
  PackReport report_;
};

}  // namespace

PackReport pack_store(const PackOptions& options, Progress& progress) {
  return Packer(options).run(progress);
}

io::Json to_json(const PackReport& report) {
  return {{"train_clips", report.train_clips},           {"available", report.available},
          {"validation_clips", report.validation_clips}, {"waveforms", report.waveforms},
          {"latent_step", report.latent_step},           {"bytes", report.bytes}};
}

}  // namespace partita::data
