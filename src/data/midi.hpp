#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace partita::data {

/// Channel 10, counted from 0: drums by General MIDI.
constexpr int kDrumChannel = 9;

/// A channel voice message: note on or off, controller, program change, pitch bend, pressure.
struct MidiEvent {
  std::int64_t tick = 0;
  std::uint8_t status = 0;
  std::uint8_t data1 = 0;
  std::uint8_t data2 = 0;  ///< 0 where the message has one data byte

  [[nodiscard]] int kind() const { return status & 0xF0; }
  [[nodiscard]] int channel() const { return status & 0x0F; }
  bool operator==(const MidiEvent&) const = default;
};

struct MidiTempo {
  std::int64_t tick = 0;
  std::int64_t microseconds = 500000;  ///< a quarter note
  bool operator==(const MidiTempo&) const = default;
};

struct MidiTrack {
  std::string name;
  std::vector<MidiEvent> events;  ///< in time order
  bool operator==(const MidiTrack&) const = default;
};

/// A Standard MIDI File of type 0 or 1; the tempos of all tracks are gathered in time order.
struct MidiFile {
  int ticks_per_quarter = 480;
  std::vector<MidiTempo> tempos;
  std::vector<MidiTrack> tracks;
  bool operator==(const MidiFile&) const = default;
};

/// Reads a Standard MIDI File strictly; `name` is used in messages. Throws DataError for anything
/// that the standard does not allow, and for type 2 and SMPTE time.
[[nodiscard]] MidiFile parse_midi(std::string_view bytes, const std::string& name);

/// A type 1 file: a first track with the tempos, then the tracks.
[[nodiscard]] std::string midi_bytes(const MidiFile& file);

/// Tempos and events at another resolution.
void rescale(MidiFile& file, int ticks_per_quarter);

struct Note {
  std::int64_t start = 0;  ///< ticks
  std::int64_t end = 0;
  int key = 60;
  int velocity = 64;
};

/// The notes of a track, by start, then key. Notes never released end with the track's last event.
[[nodiscard]] std::vector<Note> notes_of(const MidiTrack& track);

/// Note on and off messages of notes, offs first where both fall on one tick.
[[nodiscard]] std::vector<MidiEvent> events_of(const std::vector<Note>& notes, int channel);

/// Seconds at a tick, by the file's tempos (120 quarters a minute before the first).
class TempoMap {
 public:
  explicit TempoMap(const MidiFile& file);
  [[nodiscard]] double seconds(std::int64_t tick) const;
  /// The last tick that has begun after `seconds`.
  [[nodiscard]] std::int64_t tick(double seconds) const;

 private:
  struct Segment {
    std::int64_t tick;
    double seconds;
    double per_tick;
  };
  std::vector<Segment> segments_;
};

}  // namespace partita::data
