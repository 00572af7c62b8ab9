#pragma once

#include <string>
#include <utility>
#include <vector>

#include "midi.hpp"
#include "sound_fonts.hpp"

namespace partita::data {

constexpr int kTicksPerQuarter = 960;

/// One instrument's part of a song.
struct Stem {
  std::string inst_class;  ///< Slakh2100's
  bool drums = false;
  Patch patch;
  std::vector<MidiEvent> events;  ///< on channel 1; in time order
  double level_db = -20.0;        ///< RMS where it sounds, before the mix is brought under full scale
  std::vector<float> samples;
};

/// A song before it is written.
struct Piece {
  double seconds = 0.0;
  double tempo = 120.0;   ///< quarters a minute, at the start; the first beat falls on 0 s
  int beats_per_bar = 0;  ///< 0: not known
  std::vector<MidiTempo> tempos;
  std::vector<Stem> stems;
  std::size_t fewest_stems = 2;  ///< that must sound
  /// Where it comes from, for metadata.yaml.
  std::vector<std::pair<std::string, std::string>> origin;
};

}  // namespace partita::data
