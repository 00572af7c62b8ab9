#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "partita/base/progress.hpp"
#include "partita/data/error.hpp"

namespace partita::data {

/// Varied: kits, basses and pianos drawn for each song, with some reverb. Plain: the standard kit, finger
/// bass and grand piano of each SoundFont, dry: a small world of sounds for small models.
enum class Timbres { Varied, Plain };

struct RenderOptions {
  std::filesystem::path output;
  std::int64_t songs = 100;
  std::uint64_t seed = 0;
  double seconds = 60.0;  ///< length of a song
  int workers = 0;        ///< processes; 0: one a core
  /// Shares of train, validation and test. The groove libraries are split first, so that no groove
  /// is heard in two of them.
  double validation = 0.1;
  double test = 0.1;
  Timbres timbres = Timbres::Varied;
  std::vector<std::string> soundfonts;  ///< paths; empty: those that Debian's packages install
};

/// Makes a Slakh2100-shaped data set: `{train,validation,test}/TrackNNNNN/{mix.flac,metadata.yaml,
/// all_src.mid,MIDI/Sxx.mid,stems/Sxx.flac}`, mono 44.1 kHz 16-bit; stems Drums, Bass and Piano from
/// MMA grooves with random keys, chords and tempi, played by FluidSynth. A song depends on (seed, its
/// number) alone; finished tracks are kept and skipped, so an interrupted run resumes.
void render(const RenderOptions& options, Progress& progress);

}  // namespace partita::data
