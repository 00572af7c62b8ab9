#include "tracks.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "partita/audio/file.hpp"
#include "partita/audio/resample.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/base/text.hpp"
#include "random.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

constexpr std::array<const char*, 3> kSplits{"train", "validation", "test"};
constexpr std::size_t kMusdbValidation = 14;
constexpr std::int64_t kSamplesARead = 1 << 18;

std::vector<fs::path> sorted_folders(const fs::path& folder) {
  std::vector<fs::path> folders;
  if (!fs::is_directory(folder)) return folders;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory() && entry.path().filename().string().front() != '.')
      folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

/// Stem names ("S00") by lower-case class. Throws YAML::Exception for metadata that is no such map.
std::map<std::string, std::vector<std::string>> stems_by_class(const fs::path& metadata) {
  std::map<std::string, std::vector<std::string>> stems;
  const YAML::Node root = YAML::LoadFile(metadata.string());
  for (const auto& stem : root["stems"]) {
    stems[lowered(stem.second["inst_class"].as<std::string>())].push_back(stem.first.as<std::string>());
  }
  return stems;
}

void find_slakh_stems(const fs::path& folder, const std::vector<std::string>& wanted, Track& track) {
  auto stems = stems_by_class(folder / "metadata.yaml");
  for (const auto& source : wanted) {
    std::vector<fs::path> files;
    for (const auto& stem : stems[source]) {
      const fs::path file = folder / "stems" / (stem + ".flac");
      if (fs::exists(file))
        files.push_back(file);
      else
        ++track.missing_stems;  // some of Slakh2100's were never rendered
    }
    if (files.empty() && track.fault.empty()) {
      const char* where = stems[source].empty() ? "" : " on disk";
      track.fault = fmt::format("has no stem of class '{}'{}", source, where);
    }
    track.sources.push_back(std::move(files));
  }
}

Track slakh_track(const fs::path& folder, const std::vector<std::string>& wanted) {
  Track track;
  track.name = folder.filename().string();
  try {
    find_slakh_stems(folder, wanted, track);
  } catch (const YAML::Exception& error) {
    track.fault = fmt::format("metadata.yaml cannot be read: {}", error.what());
  }
  return track;
}

TracksBySplit find_slakh(const PrepareOptions& options) {
  TracksBySplit splits;
  std::size_t count = 0;
  for (const char* split : kSplits) {
    std::vector<Track> tracks;
    for (const auto& folder : sorted_folders(options.input / split)) {
      if (folder.filename().string().rfind("Track", 0) != 0) continue;
      tracks.push_back(slakh_track(folder, options.sources));
    }
    count += tracks.size();
    splits.emplace_back(split, std::move(tracks));
  }
  if (count == 0) {
    fail<DataError>(
        "{}: no Slakh2100 folder: expected train, validation and test with folders Track* in them",
        options.input.string());
  }
  return splits;
}

std::vector<Track> musdb_tracks(const fs::path& folder, const std::vector<std::string>& wanted) {
  std::vector<Track> tracks;
  for (const auto& song : sorted_folders(folder)) {
    Track track;
    track.name = song.filename().string();
    for (const auto& source : wanted) {
      const fs::path file = song / (source + ".wav");
      if (!fs::exists(file) && track.fault.empty()) track.fault = fmt::format("{}.wav is missing", source);
      track.sources.push_back({file});
    }
    tracks.push_back(std::move(track));
  }
  return tracks;
}

TracksBySplit find_musdb(const PrepareOptions& options) {
  std::vector<Track> train = musdb_tracks(options.input / "train", options.sources);
  std::vector<Track> test = musdb_tracks(options.input / "test", options.sources);
  if (train.empty() && test.empty()) {
    fail<DataError>(
        "{}: no MUSDB18-HQ folder: expected train and test with a folder of WAV files for each song",
        options.input.string());
  }
  // A small excerpt of the data set keeps most of its songs for training.
  const std::size_t held = std::min(kMusdbValidation, train.size() / 4);
  const auto cut = train.end() - static_cast<std::ptrdiff_t>(held);
  std::vector<Track> validation(std::make_move_iterator(cut), std::make_move_iterator(train.end()));
  train.erase(cut, train.end());
  return {{"train", std::move(train)}, {"validation", std::move(validation)}, {"test", std::move(test)}};
}

/// 90 % train, 5 % validation, 5 % test, by the file's name.
std::size_t split_of_mixture(const std::string& name) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
  const double place = Random(hash).uniform();
  return place < 0.9 ? 0 : (place < 0.95 ? 1 : 2);
}

TracksBySplit find_mixtures(const PrepareOptions& options) {
  const bool folder = fs::is_directory(options.input);
  const std::vector<fs::path> files =
      folder ? audio::audio_files(options.input) : std::vector<fs::path>{options.input};
  if (files.empty())
    fail<DataError>("{}: no audio files in it (WAV, FLAC, OGG, MP3 or AIFF)", options.input.string());
  TracksBySplit splits;
  for (const char* split : kSplits) splits.emplace_back(split, std::vector<Track>());
  const auto only = std::find_if(splits.begin(), splits.end(), [&](const auto& split) {
    return options.splits == std::vector<std::string>{split.first};
  });
  for (const auto& file : files) {
    const fs::path name = folder ? file.lexically_relative(options.input) : file.filename();
    Track track{name.generic_string(), {{file}}, {}, 0};
    auto& split = only != splits.end() ? *only : splits[split_of_mixture(file.filename().string())];
    split.second.push_back(std::move(track));
  }
  return splits;
}

/// A file as mono at a rate, `[sample]`, resampled block by block.
torch::Tensor read_mono(const fs::path& path, int sample_rate) {
  audio::AudioReader reader(path);
  audio::Resampler resampler(reader.info().sample_rate, sample_rate, 1);
  std::vector<torch::Tensor> blocks;
  for (;;) {
    throw_if_interrupted();
    const torch::Tensor block = reader.read(kSamplesARead);
    if (block.size(1) == 0) break;
    blocks.push_back(resampler.process(block.mean(0, true)));
  }
  blocks.push_back(resampler.finish());
  return torch::cat(blocks, 1).squeeze(0);
}

torch::Tensor read_source(const std::vector<fs::path>& files, int sample_rate) {
  torch::Tensor sum;
  for (const auto& file : files) {
    const torch::Tensor stem = read_mono(file, sample_rate);
    if (sum.defined() && stem.size(0) != sum.size(0)) {
      fail<DataError>("stems of unequal length: {} has {} samples, those before it {}",
                      file.filename().string(), stem.size(0), sum.size(0));
    }
    sum = sum.defined() ? sum + stem : stem;
  }
  return sum / static_cast<double>(files.size());
}

}  // namespace

TracksBySplit find_tracks(const PrepareOptions& options) {
  const bool one_song =
      options.layout == PrepareOptions::Layout::Mixtures && fs::is_regular_file(options.input);
  if (!one_song && !fs::is_directory(options.input))
    fail<DataError>("{}: no such folder", options.input.string());
  switch (options.layout) {
    case PrepareOptions::Layout::Slakh:
      return find_slakh(options);
    case PrepareOptions::Layout::Musdb:
      return find_musdb(options);
    case PrepareOptions::Layout::Mixtures:
      return find_mixtures(options);
  }
  fail<DataError>("unknown layout of a data set");
}

torch::Tensor read_track(const Track& track, int sample_rate) {
  std::vector<torch::Tensor> sources;
  sources.reserve(track.sources.size());
  for (const auto& files : track.sources) {
    sources.push_back(read_source(files, sample_rate));
    if (sources.back().size(0) != sources.front().size(0)) {
      fail<DataError>("sources of unequal length: {} and {} samples", sources.front().size(0),
                      sources.back().size(0));
    }
  }
  return torch::stack(sources);
}

}  // namespace partita::data
