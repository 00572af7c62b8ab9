#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "partita/base/progress.hpp"
#include "partita/data/error.hpp"

namespace partita::data {

/// Varied: kit, bass and piano of each song drawn from all SoundFonts of its split, with their own tuning,
/// brightness, release and reverb. Plain: the standard kit, finger bass and grand piano of one SoundFont,
/// dry: a small world of sounds for small models.
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
  /// Paths; both empty: those that Debian's packages install, with TimGM6mb held out.
  std::vector<std::string> soundfonts;
  std::vector<std::string> held_out_soundfonts;  ///< heard in the test split, and nowhere else
  std::filesystem::path midi;  ///< folder of MIDI files to play; empty: songs on MMA's grooves
};

struct RenderReport {
  std::int64_t midi_files = 0;    ///< used
  std::int64_t midi_skipped = 0;  ///< named in midi.json, each with its reason
  std::vector<std::string> held_out_soundfonts;
};

/// Makes a Slakh2100-shaped data set: `{train,validation,test}/TrackNNNNN/{mix.flac,metadata.yaml,
/// all_src.mid,MIDI/Sxx.mid,stems/Sxx.flac}`, mono 44.1 kHz 16-bit; stems Drums, Bass and Piano from
/// MMA grooves with random keys, chords and tempi, or one stem for each instrument of a MIDI file, played by
/// FluidSynth. A song depends on the options and its number alone; finished tracks are kept and skipped, so
/// an interrupted run resumes. Throws UsageError for options that make no sense, DataError for missing
/// SoundFonts, grooves or MIDI files and for a folder begun with other options.
RenderReport render(const RenderOptions& options, Progress& progress);

}  // namespace partita::data
