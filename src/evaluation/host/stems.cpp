#include "partita/evaluation/stems.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "partita/audio/file.hpp"

namespace partita::evaluation {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kStemSamplesARead = 1 << 18;
const std::set<std::string> kMixtures{"mixture", "mix"};

using Stems = std::map<std::string, fs::path>;

/// Without a slash at its end, so that folders in it have it as their parent.
fs::path plain(const fs::path& folder) {
  const fs::path normal = folder.lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

/// The audio files of each folder below `folder` by their stems.
std::map<fs::path, Stems> stems_by_folder(const fs::path& folder) {
  std::map<fs::path, Stems> found;
  for (const auto& file : audio::audio_files(folder))
    found[file.parent_path()].emplace(file.stem().string(), file);
  return found;
}

std::vector<std::string> sources_of(const Stems& stems) {
  std::vector<std::string> sources;
  for (const auto& [name, file] : stems) {
    if (!kMixtures.contains(name)) sources.push_back(name);
  }
  return sources;
}

std::vector<fs::path> files_of(const fs::path& folder, const Stems& stems,
                               const std::vector<std::string>& sources) {
  std::vector<fs::path> files;
  for (const auto& source : sources) {
    const auto found = stems.find(source);
    if (found == stems.end()) {
      fail<EvaluationError>("{}: no file called {}.wav or the like; choose with --sources", folder.string(),
                            source);
    }
    files.push_back(found->second);
  }
  return files;
}

std::int64_t length_of(const fs::path& file) {
  audio::AudioReader reader(file);
  if (reader.info().format != "mp3") return reader.info().frames;
  std::int64_t length = 0;  // MP3 files know their length only when they have been read
  for (std::int64_t count = 1; count > 0; length += count) count = reader.read(kStemSamplesARead).size(1);
  return length;
}

/// The next `count` samples, zeros behind the end.
torch::Tensor read_filled(audio::AudioReader& reader, std::int64_t count) {
  std::vector<torch::Tensor> pieces;
  while (count > 0) {
    pieces.push_back(reader.read(count));
    if (pieces.back().size(1) == 0) break;
    count -= pieces.back().size(1);
  }
  return torch::constant_pad_nd(torch::cat(pieces, 1), {0, count});
}

/// Several files read side by side.
class Readers {
 public:
  explicit Readers(const std::vector<fs::path>& files) {
    for (const auto& file : files) readers_.emplace_back(file);
  }
  torch::Tensor read(std::int64_t count) {
    std::vector<torch::Tensor> signals;
    for (auto& reader : readers_) signals.push_back(read_filled(reader, count));
    return torch::stack(signals);
  }

 private:
  std::vector<audio::AudioReader> readers_;
};

void check_alike(const audio::FileInfo& found, const audio::FileInfo& expected, const fs::path& file) {
  if (found.sample_rate != expected.sample_rate || found.channels != expected.channels) {
    fail<EvaluationError>("{}: {} Hz and {} channels, where its track has {} Hz and {}", file.string(),
                          found.sample_rate, found.channels, expected.sample_rate, expected.channels);
  }
}

}  // namespace

StemTracks find_stem_tracks(const fs::path& reference_folder, const fs::path& estimate_folder,
                            const std::vector<std::string>& sources) {
  const fs::path references = plain(reference_folder), estimates = plain(estimate_folder);
  const auto trues = stems_by_folder(references);
  const auto found = stems_by_folder(estimates);
  StemTracks result{sources, {}, 0};
  for (const auto& [folder, stems] : trues) {
    const fs::path relative = folder.lexically_relative(references);
    auto match = found.find(relative == "." ? estimates : estimates / relative);
    if (match == found.end()) match = found.find(estimates / folder.filename());
    if (match == found.end()) {
      ++result.missing;
      continue;
    }
    if (result.sources.empty()) result.sources = sources_of(stems);
    result.tracks.push_back({folder.filename().string(), files_of(folder, stems, result.sources),
                             files_of(match->first, match->second, result.sources)});
  }
  if (result.tracks.empty() || result.sources.empty()) {
    fail<EvaluationError>("{}: no folder of stems in it whose estimates lie in {} under its path or name",
                          references.string(), estimates.string());
  }
  return result;
}

BssTrack open_track(const StemTrack& track) {
  BssTrack result;
  const audio::FileInfo info = audio::AudioReader(track.references.front()).info();
  for (const auto* files : {&track.references, &track.estimates}) {
    for (const auto& file : *files) check_alike(audio::AudioReader(file).info(), info, file);
  }
  result.sources = static_cast<std::int64_t>(track.references.size());
  result.channels = info.channels;
  result.sample_rate = info.sample_rate;
  result.samples = length_of(track.references.front());
  for (const auto& file : track.references) result.samples = std::min(result.samples, length_of(file));
  result.open = [track] {
    auto references = std::make_shared<Readers>(track.references);
    auto estimates = std::make_shared<Readers>(track.estimates);
    return [references, estimates](std::int64_t count) {
      return BssPiece{references->read(count), estimates->read(count)};
    };
  };
  return result;
}

std::vector<BssRow> evaluate_stems(const StemTracks& tracks, const BssOptions& options, std::uint64_t seed,
                                   Progress& progress) {
  BssTable table(tracks.sources);
  progress.begin("measuring", static_cast<std::int64_t>(tracks.tracks.size()), "tracks");
  for (const auto& track : tracks.tracks) {
    try {
      table.add(bss_eval(open_track(track), options));
    } catch (const EvaluationError& error) {
      fail<EvaluationError>("{}: {}", track.name, error.what());
    }
    progress.advance(1, track.name);
  }
  progress.end();
  return table.rows(seed);
}

}  // namespace partita::evaluation
