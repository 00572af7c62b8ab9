#include "partita/data/prepare.hpp"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "partita/audio/error.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/codec/codec.hpp"
#include "partita/data/store.hpp"
#include "partita/io/report.hpp"
#include "tracks.hpp"

namespace partita::data {
namespace {

constexpr std::int64_t kEncodeBatch = 16;  // clips encoded at once
constexpr std::int64_t kAudioClipsPerTrack = 2;
constexpr std::size_t kMostReasons = 50;  // named in the report of a split

using Indices = std::vector<std::int64_t>;

/// The clips of one track that are loud enough.
struct Clips {
  torch::Tensor sources;  ///< `[clip, source, sample]`; undefined when there are none
  std::int64_t quiet = 0;
  [[nodiscard]] std::int64_t size() const { return sources.defined() ? sources.size(0) : 0; }
};

Clips cut(const torch::Tensor& track, std::int64_t length, double minimum_rms) {
  Clips clips;
  const std::int64_t count = track.size(1) / length;
  if (count == 0) return clips;
  const torch::Tensor all =
      track.narrow(1, 0, count * length).reshape({track.size(0), count, length}).transpose(0, 1);
  const torch::Tensor loud = all.square().mean(-1).sqrt().ge(minimum_rms).all(1).nonzero().squeeze(1);
  clips.quiet = count - loud.size(0);
  if (loud.size(0) > 0) clips.sources = all.index_select(0, loud).contiguous();
  return clips;
}

/// `count` of `size` places, evenly spread.
Indices spread(std::int64_t size, std::int64_t count) {
  Indices places;
  const std::int64_t taken = std::min(size, count);
  places.reserve(static_cast<std::size_t>(taken));
  for (std::int64_t i = 0; i < taken; ++i) places.push_back((2 * i + 1) * size / (2 * taken));
  return places;
}

Indices all_but(std::int64_t size, const Indices& left_out) {
  Indices places;
  for (std::int64_t i = 0; i < size; ++i) {
    if (std::find(left_out.begin(), left_out.end(), i) == left_out.end()) places.push_back(i);
  }
  return places;
}

/// Encodes clips and hands them to the store.
class Preparation {
 public:
  Preparation(const PrepareOptions& options, Progress& progress)
      : options_(options),
        progress_(progress),
        codec_(codec::make_codec(options.codec)),
        info_(store_info()),
        length_(std::llround(options.clip_seconds * codec_->sample_rate())),
        writer_(options.output, info_) {}

  PrepareReport run() {
    const TracksBySplit splits = find_tracks(options_);
    PrepareReport report;
    for (const auto& [name, tracks] : splits) {
      split_ = {};
      split_.name = name;
      prepare_split(tracks);
      report.splits.push_back(split_);
    }
    return report;
  }
  void finish() { writer_.finish(); }

 private:
  [[nodiscard]] bool with_stems() const { return options_.layout != PrepareOptions::Layout::Mixtures; }

  [[nodiscard]] StoreInfo store_info() const {
    StoreInfo info;
    info.codec = options_.codec;
    info.sample_rate = codec_->sample_rate();
    info.latent_dim = codec_->latent_dim();
    const std::int64_t length = std::llround(options_.clip_seconds * codec_->sample_rate());
    info.clip_frames = (length + codec_->hop() - 1) / codec_->hop();
    if (with_stems()) info.sources = options_.sources;
    return info;
  }

  void prepare_split(const std::vector<Track>& tracks) {
    progress_.begin("preparing " + split_.name, static_cast<std::int64_t>(tracks.size()), "tracks");
    std::map<std::string, Indices> kept;
    if (split_.name != "train") kept = keep_audio(tracks);
    for (const auto& track : tracks) {
      const std::optional<Clips> clips = read(track, true);
      if (clips) {
        ++split_.tracks;
        split_.quiet_clips += clips->quiet;
        add(*clips, all_but(clips->size(), kept[track.name]), false);
      }
      progress_.advance(1, track.name);
    }
    progress_.end();
  }

  /// Writes the first clips of a split, with audio, from as many tracks as can be; returns the places
  /// of these clips in their tracks.
  std::map<std::string, Indices> keep_audio(const std::vector<Track>& tracks) {
    std::map<std::string, Indices> kept;
    std::int64_t missing = options_.validation_waveforms;
    const auto count = static_cast<std::int64_t>(tracks.size());
    if (count == 0) return kept;
    const std::int64_t each = std::max(kAudioClipsPerTrack, (missing + count - 1) / count);
    for (const auto& track : tracks) {
      if (missing <= 0) break;
      const std::optional<Clips> clips = read(track, false);
      if (!clips) continue;
      const Indices places = spread(clips->size(), std::min(each, missing));
      add(*clips, places, true);
      missing -= static_cast<std::int64_t>(places.size());
      kept[track.name] = places;
    }
    return kept;
  }

  /// The clips of a track, or nothing when it cannot be used, which is written down if `noted`.
  std::optional<Clips> read(const Track& track, bool noted) {
    throw_if_interrupted();
    std::string reason = track.fault;
    if (reason.empty()) {
      try {
        const torch::Tensor samples = read_track(track, codec_->sample_rate());
        return cut(samples, length_, options_.minimum_rms);
      } catch (const audio::AudioError& error) {
        reason = error.what();
      } catch (const DataError& error) {
        reason = error.what();
      }
    }
    if (noted) {
      ++split_.skipped_tracks;
      if (split_.reasons.size() < kMostReasons) split_.reasons.push_back(track.name + ": " + reason);
    }
    return std::nullopt;
  }

  void add(const Clips& clips, const Indices& places, bool audio) {
    const auto total = static_cast<std::int64_t>(places.size());
    for (std::int64_t at = 0; at < total; at += kEncodeBatch) {
      throw_if_interrupted();
      const auto first = places.begin() + at;
      const Indices batch(first, first + std::min(kEncodeBatch, total - at));
      add_batch(clips.sources.index_select(0, torch::tensor(batch, torch::kLong)), audio);
    }
  }

  /// `sources` is `[clip, source, sample]`; the mixture is their mean.
  void add_batch(const torch::Tensor& sources, bool audio) {
    const std::int64_t clips = sources.size(0);
    const std::int64_t count = sources.size(1);
    const torch::Tensor mixture = sources.mean(1);
    const torch::Tensor none;
    torch::Tensor source_latents;
    if (with_stems()) {
      const torch::Tensor latents = encode(sources.reshape({clips * count, sources.size(2)}));
      source_latents = latents.reshape({clips, count, latents.size(1), latents.size(2)});
    }
    writer_.add(split_.name, encode(mixture), source_latents, audio ? mixture : none,
                audio && with_stems() ? sources : none);
    split_.clips += clips;
  }

  /// `[n, sample]` to `[n, channel, frame]`; the mono signal fills every channel of the codec.
  torch::Tensor encode(const torch::Tensor& samples) {
    return codec_->encode(samples.unsqueeze(1).expand({-1, codec_->channels(), -1}).contiguous());
  }

  const PrepareOptions& options_;
  Progress& progress_;
  std::shared_ptr<codec::Codec> codec_;
  StoreInfo info_;
  std::int64_t length_;
  StoreWriter writer_;
  PrepareReport::Split split_;
};

void check(const PrepareOptions& options) {
  if (!(options.clip_seconds > 0.0 && options.clip_seconds <= 600.0)) {
    fail<UsageError>("clip_seconds: expected more than 0 and at most 600, found {}", options.clip_seconds);
  }
  if (!(options.minimum_rms >= 0.0)) {
    fail<UsageError>("minimum_rms: expected 0 or more, found {}", options.minimum_rms);
  }
  if (options.layout == PrepareOptions::Layout::Mixtures) return;
  const std::set<std::string> distinct(options.sources.begin(), options.sources.end());
  if (distinct.empty() || distinct.size() != options.sources.size()) {
    fail<UsageError>("sources: expected different names such as drums, bass; found [{}]",
                     fmt::join(options.sources, ", "));
  }
}

io::Json full_report(const PrepareOptions& options, const PrepareReport& report) {
  io::Json full{{"input", options.input.string()},
                {"codec", options.codec},
                {"sources", options.sources},
                {"clip_seconds", options.clip_seconds},
                {"minimum_rms", options.minimum_rms}};
  full.update(to_json(report));
  return full;
}

std::int64_t clips_of(const PrepareReport& report) {
  std::int64_t clips = 0;
  for (const auto& split : report.splits) clips += split.clips;
  return clips;
}

}  // namespace

io::Json to_json(const PrepareReport& report) {
  io::Json splits = io::Json::array();
  for (const auto& split : report.splits) {
    splits.push_back({{"name", split.name},
                      {"tracks", split.tracks},
                      {"clips", split.clips},
                      {"quiet_clips", split.quiet_clips},
                      {"skipped_tracks", split.skipped_tracks},
                      {"reasons", split.reasons}});
  }
  return {{"splits", std::move(splits)}};
}

PrepareReport prepare(const PrepareOptions& options, Progress& progress) {
  const torch::NoGradGuard no_gradients;
  check(options);
  Preparation preparation(options, progress);
  PrepareReport report = preparation.run();
  if (clips_of(report) == 0) {
    fail<DataError>(
        "{}: no clip of {:g} s is left after leaving out quiet ones and unusable tracks; the reasons: {}",
        options.input.string(), options.clip_seconds,
        report.splits.front().reasons.empty() ? "tracks too short or sources too quiet"
                                              : report.splits.front().reasons.front());
  }
  io::write_report(full_report(options, report), (options.output / "report.json").string());
  preparation.finish();
  return report;
}

}  // namespace partita::data
