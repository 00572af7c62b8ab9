#include "partita/data/render.hpp"

#include <yaml-cpp/yaml.h>

#include <string>
#include <vector>

#include "midi_library.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/report.hpp"
#include "song.hpp"
#include "workers.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

constexpr double kShortestSong = 2.0;  // seconds
constexpr double kLongestSong = 1800.0;
constexpr const char* kOptionsFile = "render.yaml";
constexpr const char* kMidiFile = "midi.json";

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

void emit_names(YAML::Emitter& yaml, const char* key, const std::vector<std::string>& paths) {
  yaml << YAML::Key << key << YAML::Value << YAML::BeginSeq;
  for (const auto& path : paths) yaml << fs::path(path).filename().string();
  yaml << YAML::EndSeq;
}

/// The options that shape every song, as kept beside a data set.
std::string recipe(const RenderOptions& options, const FontFiles& fonts, const MidiLibrary& midi) {
  YAML::Emitter yaml;
  yaml << YAML::BeginMap;
  yaml << YAML::Key << "seed" << YAML::Value << options.seed;
  yaml << YAML::Key << "seconds" << YAML::Value << options.seconds;
  yaml << YAML::Key << "validation" << YAML::Value << options.validation;
  yaml << YAML::Key << "test" << YAML::Value << options.test;
  yaml << YAML::Key << "timbres" << YAML::Value << (options.timbres == Timbres::Plain ? "plain" : "varied");
  emit_names(yaml, "soundfonts", fonts.shared);
  emit_names(yaml, "held_out_soundfonts", fonts.held_out);
  if (!midi.files.empty()) {
    yaml << YAML::Key << "midi_files" << YAML::Value << midi.files.size();
    yaml << YAML::Key << "midi_digest" << YAML::Value << midi.digest;
  }
  yaml << YAML::EndMap;
  return std::string(yaml.c_str()) + "\n";
}

/// Songs of one data set share a recipe: resuming with another is refused.
void keep_recipe(const fs::path& folder, const std::string& text) {
  const fs::path path = folder / kOptionsFile;
  if (fs::exists(path) && io::read_file(path) != text) {
    fail<DataError>(
        "{}: this data set was begun with other options; render into another folder, or with the "
        "seed, seconds, shares, SoundFonts and MIDI files that this file names",
        path.string());
  }
  io::write_file(path, text);
}

Material material_of(const RenderOptions& options, const MidiLibrary& midi) {
  Material material;
  for (std::size_t i = 0; i < midi.files.size(); ++i) {
    const Split split = split_of_song(static_cast<std::int64_t>(i), options.validation, options.test);
    material.midi[split].push_back(midi.files[i]);
  }
  if (!midi.files.empty()) return material;
  for (auto& file : list_grooves(groove_folder())) {
    const Split split = split_of_groove(file.library, options.validation, options.test);
    material.grooves[split].push_back(std::move(file));
  }
  return material;
}

std::vector<std::int64_t> unfinished_songs(const RenderOptions& options, const Material& material) {
  std::vector<std::int64_t> songs;
  for (std::int64_t song = 0; song < options.songs; ++song) {
    const Split split = split_of_song(song, options.validation, options.test);
    if (!material.covers(split)) {
      fail<DataError>("the share of the {} split is too small for any {}; expected 0 or a larger one",
                      name_of(split), material.midi.empty() ? "of MMA's grooves" : "of the MIDI files");
    }
    if (!fs::exists(song_folder(options, song))) songs.push_back(song);
  }
  return songs;
}

io::Json report_of(const MidiLibrary& midi) {
  io::Json skipped = io::Json::array();
  for (const auto& [file, reason] : midi.skipped) skipped.push_back({{"file", file}, {"reason", reason}});
  return {{"used", midi.files.size()}, {"skipped", midi.skipped.size()}, {"reasons", std::move(skipped)}};
}

/// Removes what an interrupted run left of its songs.
void remove_unfinished(const RenderOptions& options, const std::vector<std::int64_t>& songs) noexcept {
  for (const std::int64_t song : songs) {
    std::error_code ignored;
    fs::remove_all(unfinished_folder(song_folder(options, song)), ignored);
  }
}

}  // namespace

RenderReport render(const RenderOptions& requested, Progress& progress) {
  check(requested);
  RenderOptions options = requested;
  options.output = fs::absolute(requested.output);
  const MidiLibrary midi = options.midi.empty() ? MidiLibrary{} : list_midi(options.midi);
  const Material material = material_of(options, midi);
  const Palette palette(choose_fonts(options));
  const std::vector<std::int64_t> songs = unfinished_songs(options, material);
  keep_recipe(options.output, recipe(options, palette.files(), midi));
  if (!options.midi.empty()) io::write_report(report_of(midi), (options.output / kMidiFile).string());
  progress.begin("rendering", options.songs, "songs");
  progress.advance(options.songs - static_cast<std::int64_t>(songs.size()));
  try {
    const auto work = [&](std::int64_t song) {
      render_song(options, song, material, palette);
      return std::int64_t{1};
    };
    run_forked(songs, worker_count(options.workers, songs.size()), work, progress);
  } catch (...) {
    remove_unfinished(options, songs);
    throw;
  }
  progress.end();
  return {static_cast<std::int64_t>(midi.files.size()), static_cast<std::int64_t>(midi.skipped.size()),
          palette.files().held_out};
}

}  // namespace partita::data
