#include "partita/data/render.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "partita/base/interrupt.hpp"
#include "partita/io/atomic_file.hpp"
#include "song.hpp"
#include "workers.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

constexpr double kShortestSong = 2.0;  // seconds
constexpr double kLongestSong = 1800.0;
constexpr const char* kOptionsFile = "render.yaml";

void check(const RenderOptions& options) {
  if (options.songs < 1) fail<UsageError>("songs: expected at least 1, found {}", options.songs);
  if (!(options.seconds >= kShortestSong && options.seconds <= kLongestSong)) {
    fail<UsageError>("seconds: expected {} to {} for a song, found {}", kShortestSong, kLongestSong,
                     options.seconds);
  }
  if (!(options.validation >= 0.0 && options.test >= 0.0 && options.validation + options.test <= 1.0)) {
    fail<UsageError>("shares of validation and test: expected 0 to 1 together, found {} and {}",
                     options.validation, options.test);
  }
  if (options.workers < 0) fail<UsageError>("workers: expected 0 or more, found {}", options.workers);
}

/// The options that shape every song, as kept beside a data set.
std::string recipe(const RenderOptions& options, const SoundFonts& fonts) {
  YAML::Emitter yaml;
  yaml << YAML::BeginMap;
  yaml << YAML::Key << "seed" << YAML::Value << options.seed;
  yaml << YAML::Key << "seconds" << YAML::Value << options.seconds;
  yaml << YAML::Key << "validation" << YAML::Value << options.validation;
  yaml << YAML::Key << "test" << YAML::Value << options.test;
  yaml << YAML::Key << "timbres" << YAML::Value << (options.timbres == Timbres::Plain ? "plain" : "varied");
  yaml << YAML::Key << "soundfonts" << YAML::Value << YAML::BeginSeq;
  for (std::size_t i = 0; i < fonts.size(); ++i) yaml << fonts.name(i);
  yaml << YAML::EndSeq << YAML::EndMap;
  return std::string(yaml.c_str()) + "\n";
}

/// Songs of one data set share a recipe: resuming with another is refused.
void keep_recipe(const RenderOptions& options, const SoundFonts& fonts) {
  const fs::path path = options.output / kOptionsFile;
  const std::string text = recipe(options, fonts);
  if (fs::exists(path) && io::read_file(path) != text) {
    fail<DataError>(
        "{}: this data set was begun with other options; render into another folder, or with the "
        "seed, seconds, shares and SoundFonts that this file names",
        path.string());
  }
  io::write_file(path, text);
}

GroovesBySplit grooves_by_split(const RenderOptions& options) {
  GroovesBySplit grooves;
  for (auto& file : list_grooves(groove_folder())) {
    grooves[split_of_groove(file.library, options.validation, options.test)].push_back(std::move(file));
  }
  return grooves;
}

std::vector<std::int64_t> unfinished_songs(const RenderOptions& options, const GroovesBySplit& grooves) {
  std::vector<std::int64_t> songs;
  for (std::int64_t song = 0; song < options.songs; ++song) {
    const Split split = split_of_song(song, options.validation, options.test);
    if (grooves.count(split) == 0) {
      fail<DataError>(
          "the share of the {} split is too small for any of MMA's grooves; expected at least 0.02",
          name_of(split));
    }
    if (!fs::exists(song_folder(options, song))) songs.push_back(song);
  }
  return songs;
}

/// Removes what an interrupted run left of its songs.
void remove_unfinished(const RenderOptions& options, const std::vector<std::int64_t>& songs) noexcept {
  for (const std::int64_t song : songs) {
    std::error_code ignored;
    fs::remove_all(unfinished_folder(song_folder(options, song)), ignored);
  }
}

}  // namespace

void render(const RenderOptions& requested, Progress& progress) {
  check(requested);
  RenderOptions options = requested;
  options.output = fs::absolute(requested.output);
  const GroovesBySplit grooves = grooves_by_split(options);
  const SoundFonts fonts(options.soundfonts.empty() ? installed_sound_fonts() : options.soundfonts);
  keep_recipe(options, fonts);
  const std::vector<std::int64_t> songs = unfinished_songs(options, grooves);
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const auto most = std::max<std::int64_t>(1, static_cast<std::int64_t>(songs.size()));
  const auto workers = std::min<std::int64_t>(options.workers > 0 ? options.workers : cores, most);
  progress.begin("rendering", options.songs, "songs");
  progress.advance(options.songs - static_cast<std::int64_t>(songs.size()));
  try {
    run_forked(
        songs, static_cast<int>(workers),
        [&](std::int64_t song) { render_song(options, song, grooves, fonts); }, progress);
  } catch (...) {
    remove_unfinished(options, songs);
    throw;
  }
  progress.end();
}

}  // namespace partita::data
