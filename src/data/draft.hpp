#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "grooves.hpp"
#include "random.hpp"

namespace partita::data {

/// The tonic (pitch class, 0 = C) and mode of a song.
struct Key {
  int tonic = 0;
  bool minor = false;
};
/// "Eb minor".
[[nodiscard]] std::string name_of(const Key& key);

/// Chords of one bar in MMA's spelling: one, or one for each half.
using Bar = std::vector<std::string>;

/// A song on paper: what MMA is asked to play.
struct SongDraft {
  std::string library;
  Groove groove;
  Groove second;  ///< for the form's other sections; often the same
  Groove fill;    ///< for the last bar of a section; empty name: none
  Key key;
  int tempo = 120;  ///< quarters a minute
  int bars = 0;
  std::string text;  ///< an MMA file without added parts

  /// The MMA file, with a bass line or chords of our own where the groove has none.
  [[nodiscard]] std::string with_parts(bool bass, bool chords) const;

  std::string bass_part;
  std::string chord_part;
};

/// Draws a song of about `seconds` on a groove of `file`: key, tempo, form (sections of four or
/// eight bars), functional harmony with sevenths, secondary dominants, borrowed chords and key changes.
[[nodiscard]] SongDraft draw_song(Random& random, const GrooveFile& file, double seconds);

}  // namespace partita::data
