#pragma once

#include <vector>

#include "midi.hpp"

namespace partita::data {

/// What one instrument plays in a MIDI file.
struct MidiPart {
  bool drums = false;  ///< on channel 10
  int program = 0;     ///< General MIDI, 0 to 127
  std::vector<Note> notes;
  /// Controllers that shape notes (modulation, volume, expression, pedals, bend range) and pitch bends, on
  /// channel 1, in time order.
  std::vector<MidiEvent> controls;
};

/// The parts of a file of either type, one for each track, channel and program that has notes.
[[nodiscard]] std::vector<MidiPart> parts_of(const MidiFile& file);

/// The end of the last note, in ticks; 0 without notes.
[[nodiscard]] std::int64_t end_of(const std::vector<MidiPart>& parts);

/// What begins in [start, end) of a part, moved to begin at 0. Controllers set before take effect at 0.
[[nodiscard]] MidiPart excerpt(const MidiPart& part, std::int64_t start, std::int64_t end);

/// Tempos from `start` on, moved to begin at 0 with the one in force there.
[[nodiscard]] std::vector<MidiTempo> excerpt(const std::vector<MidiTempo>& tempos, std::int64_t start);

}  // namespace partita::data
