#pragma once

#include <vector>

#include "midi.hpp"
#include "random.hpp"

namespace partita::data {

/// MMA's tracks sorted by what they play; a part without a track is empty.
struct Parts {
  std::vector<Note> drums;
  std::vector<Note> bass;
  std::vector<Note> chords;
};

/// Drums: everything on channel 10. Bass: the busiest low track called after a bass or a walk, bass
/// programs first (style conversions call other voices "Bass" too), in a bass guitar's octave. Chords: the
/// busiest other track, pianos and chord tracks first.
[[nodiscard]] Parts sort_parts(const MidiFile& file);

/// Whether a part has notes from early to late in a song of `seconds`.
[[nodiscard]] bool carries(const std::vector<Note>& notes, const TempoMap& tempo, double seconds);

/// How loosely a player plays.
struct Feel {
  double jitter_ticks = 0.0;     ///< deviation of each start
  double offset_ticks = 0.0;     ///< ahead of or behind the beat
  double velocity_spread = 0.0;  ///< deviation
  double velocity_scale = 1.0;
};

/// Notes played with `feel`, within velocities 1 to 127; no two notes of one key overlap.
[[nodiscard]] std::vector<Note> humanise(Random& random, std::vector<Note> notes, const Feel& feel);

}  // namespace partita::data
