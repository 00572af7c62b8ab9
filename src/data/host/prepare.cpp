#include "partita/data/prepare.hpp"

#include <fmt/ranges.h>
#include <torch/types.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>
#include <utility>

#include "clip_encoder.hpp"
#include "partita/base/text.hpp"
#include "partita/data/store.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/report.hpp"
#include "partita/io/sha256.hpp"
#include "tracks.hpp"
#include "workers.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kTracksPerGroup = 4;
constexpr const char* kRecipeFile = "prepare.json";
constexpr const char* kGroupFolder = "finished";  // reports of groups, while a store is being made

void check(const PrepareOptions& options) {
  if (!(options.clip_seconds > 0.0 && options.clip_seconds <= 600.0)) {
    fail<UsageError>("clip_seconds: expected more than 0 and at most 600, found {}", options.clip_seconds);
  }
  if (options.train_waveforms < 0) {
    fail<UsageError>("train_waveforms: expected 0 or more, found {}", options.train_waveforms);
  }
  if (options.workers < 0) fail<UsageError>("workers: expected 0 or more, found {}", options.workers);
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

io::Json recipe(const PrepareOptions& options) {
  return {{"input", fs::absolute(options.input).lexically_normal().string()},
          {"codec", options.codec},
          {"sources", options.sources},
          {"clip_seconds", options.clip_seconds},
          {"minimum_rms", options.minimum_rms},
          {"train_waveforms", options.train_waveforms},
          {"validation_waveforms", options.validation_waveforms}};
}

/// The tracks of the splits that are wanted.
TracksBySplit wanted_tracks(const PrepareOptions& options) {
  TracksBySplit splits = find_tracks(options);
  for (const auto& name : options.splits) {
    const bool found =
        std::any_of(splits.begin(), splits.end(), [&](const auto& split) { return split.first == name; });
    if (!found) fail<UsageError>("{}: has no split '{}'", options.input.string(), name);
  }
  if (!options.splits.empty()) {
    std::erase_if(splits, [&](const auto& split) {
      return std::find(options.splits.begin(), options.splits.end(), split.first) == options.splits.end();
    });
  }
  return splits;
}

/// Groups of one store share a recipe and the list of tracks: going on with others is refused.
void keep_recipe(const PrepareOptions& options, const TracksBySplit& splits) {
  if (is_store(options.output)) {
    fail<DataError>("{}: holds a latent store already; remove it or choose another folder",
                    options.output.string());
  }
  std::string names;
  for (const auto& [split, tracks] : splits) {
    for (const auto& track : tracks) names += split + "/" + track.name + "\n";
  }
  io::Json text = recipe(options);
  text["tracks"] = io::sha256(names);
  const fs::path path = options.output / kRecipeFile;
  const std::string bytes = text.dump(2) + "\n";
  if (fs::exists(path) && io::read_file(path) != bytes) {
    fail<DataError>(
        "{}: this store was begun with other options or other tracks; remove the folder, choose another, or "
        "go on with those that this file names",
        path.string());
  }
  io::write_file(path, bytes);
}

/// How many clips of the i-th of `count` tracks are kept as audio, so that there are `wanted` in all.
std::int64_t share(std::int64_t wanted, std::int64_t i, std::int64_t count) {
  return wanted / count + (i < wanted % count ? 1 : 0);
}

std::vector<TrackGroup> group_tracks(const PrepareOptions& options, const TracksBySplit& splits) {
  std::vector<TrackGroup> groups;
  for (const auto& [split, tracks] : splits) {
    for (std::size_t i = 0; i < tracks.size(); ++i) {
      if (i % kTracksPerGroup == 0)
        groups.push_back({split, fmt::format("{:06}", i / kTracksPerGroup), {}, {}});
      groups.back().tracks.push_back(tracks[i]);
      groups.back().kept.push_back(
          share(split == "train" ? options.train_waveforms : options.validation_waveforms,
                static_cast<std::int64_t>(i), static_cast<std::int64_t>(tracks.size())));
    }
  }
  return groups;
}

fs::path finished_file(const PrepareOptions& options, const TrackGroup& group) {
  return options.output / kGroupFolder / (group.split + "-" + group.name + ".json");
}

io::Json to_json(const PrepareReport::Split& split) {
  return {{"name", split.name},
          {"tracks", split.tracks},
          {"clips", split.clips},
          {"quiet_clips", split.quiet_clips},
          {"skipped_tracks", split.skipped_tracks},
          {"missing_stems", split.missing_stems},
          {"reasons", split.reasons}};
}

/// Adds what a finished group has counted.
void add_group(PrepareReport::Split& split, const fs::path& file) {
  const io::Json group = io::Json::parse(io::read_file(file));
  split.tracks += group.at("tracks").get<std::int64_t>();
  split.clips += group.at("clips").get<std::int64_t>();
  split.quiet_clips += group.at("quiet_clips").get<std::int64_t>();
  split.skipped_tracks += group.at("skipped_tracks").get<std::int64_t>();
  split.missing_stems += group.at("missing_stems").get<std::int64_t>();
  for (const auto& reason : group.at("reasons")) split.reasons.push_back(reason.get<std::string>());
}

PrepareReport gather(const PrepareOptions& options, const TracksBySplit& splits,
                     const std::vector<TrackGroup>& groups) {
  PrepareReport report;
  for (const auto& [name, tracks] : splits) {
    PrepareReport::Split split;
    split.name = name;
    for (const auto& group : groups) {
      if (group.split == name) add_group(split, finished_file(options, group));
    }
    report.splits.push_back(std::move(split));
  }
  return report;
}

void require_clips(const PrepareOptions& options, const PrepareReport& report) {
  std::string reason = "sources too quiet";
  for (const auto& split : report.splits) {
    if (split.clips > 0) return;
    if (!split.reasons.empty()) reason = split.reasons.front();
  }
  fail<DataError>(
      "{}: no clip of {:g} s is left after leaving out quiet ones and unusable tracks; the reasons: {}",
      options.input.string(), options.clip_seconds, reason);
}

/// Prepares the groups that no earlier run has finished.
void prepare_groups(const PrepareOptions& options, const ClipEncoder& encoder,
                    const std::vector<TrackGroup>& groups, Progress& progress) {
  std::vector<std::int64_t> unfinished;
  std::int64_t tracks = 0;
  std::int64_t finished = 0;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto size = static_cast<std::int64_t>(groups[i].tracks.size());
    tracks += size;
    if (fs::exists(finished_file(options, groups[i])))
      finished += size;
    else
      unfinished.push_back(static_cast<std::int64_t>(i));
  }
  progress.begin("preparing", tracks, "tracks");
  progress.advance(finished);
  const auto work = [&](std::int64_t item) {
    const TrackGroup& group = groups[static_cast<std::size_t>(item)];
    io::write_file(finished_file(options, group), to_json(encoder.write(group)).dump());
    return static_cast<std::int64_t>(group.tracks.size());
  };
  run_forked(unfinished, worker_count(options.workers, unfinished.size()), work, progress);
  progress.end();
}

}  // namespace

io::Json to_json(const PrepareReport& report) {
  io::Json splits = io::Json::array();
  for (const auto& split : report.splits) splits.push_back(to_json(split));
  return {{"splits", std::move(splits)}};
}

PrepareReport prepare(const PrepareOptions& requested, Progress& progress) {
  PrepareOptions options = requested;
  for (std::string& source : options.sources) source = lowered(std::move(source));
  check(options);
  const TracksBySplit splits = wanted_tracks(options);
  const ClipEncoder encoder(options);
  keep_recipe(options, splits);
  const std::vector<TrackGroup> groups = group_tracks(options, splits);
  prepare_groups(options, encoder, groups, progress);
  PrepareReport report = gather(options, splits, groups);
  require_clips(options, report);
  io::Json full = recipe(options);
  full.update(to_json(report));
  io::write_report(full, (options.output / "report.json").string());
  finish_store(options.output, encoder.info());
  fs::remove_all(options.output / kGroupFolder);
  return report;
}

}  // namespace partita::data
