#include "midi.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "partita/data/error.hpp"

namespace partita::data {
namespace {

/// Reads bytes of one chunk, refusing to pass its end.
class Reader {
 public:
  Reader(std::string_view bytes, const std::string& name, std::size_t origin = 0)
      : bytes_(bytes), name_(name), origin_(origin) {}

  [[nodiscard]] bool done() const { return position_ == bytes_.size(); }
  [[nodiscard]] std::size_t offset() const { return origin_ + position_; }

  std::string_view take(std::size_t count, const char* what) {
    if (count > bytes_.size() - position_) {
      fail<DataError>("{}: MIDI file ends within {} at byte {}: {} bytes expected, {} left", name_, what,
                      offset(), count, bytes_.size() - position_);
    }
    const std::string_view taken = bytes_.substr(position_, count);
    position_ += count;
    return taken;
  }

  std::uint8_t byte(const char* what) { return static_cast<std::uint8_t>(take(1, what).front()); }

  std::uint32_t number(std::size_t count, const char* what) {
    std::uint32_t value = 0;
    for (const char c : take(count, what)) value = (value << 8U) | static_cast<std::uint8_t>(c);
    return value;
  }

  std::uint32_t variable(const char* what) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      const std::uint8_t next = byte(what);
      value = (value << 7U) | (next & 0x7FU);
      if (next < 0x80) return value;
    }
    fail<DataError>("{}: {} at byte {} is longer than four bytes; the MIDI file is damaged", name_, what,
                    offset());
  }

  Reader chunk(std::size_t length, const char* what) {
    const std::size_t begin = offset();
    return {take(length, what), name_, begin};
  }

  std::uint8_t data(const char* what) {
    const std::uint8_t value = byte(what);
    if (value > 0x7F) {
      fail<DataError>("{}: data byte of {} at byte {} is {:#04x}, expected at most 0x7f", name_, what,
                      offset() - 1, value);
    }
    return value;
  }

 private:
  std::string_view bytes_;
  const std::string& name_;
  std::size_t origin_;
  std::size_t position_ = 0;
};

bool one_data_byte(std::uint8_t status) { return (status & 0xE0U) == 0xC0U; }

/// Reads one track chunk.
class TrackParser {
 public:
  TrackParser(Reader reader, const std::string& name, std::vector<MidiTempo>& tempos)
      : reader_(reader), name_(name), tempos_(tempos) {}

  MidiTrack parse() {
    while (!ended_) {
      tick_ += reader_.variable("a delta time");
      const std::uint8_t first = reader_.byte("an event");
      if (first == 0xFF) {
        meta();
      } else if (first == 0xF0 || first == 0xF7) {
        reader_.take(reader_.variable("a system exclusive length"), "a system exclusive message");
        status_ = 0;
      } else if (first > 0xF0) {
        fail<DataError>("{}: status {:#04x} at byte {} does not belong in a MIDI file", name_, first,
                        reader_.offset() - 1);
      } else {
        channel_message(first);
      }
    }
    if (!reader_.done()) {
      fail<DataError>("{}: a MIDI track goes on after its end, at byte {}", name_, reader_.offset());
    }
    return std::move(track_);
  }

 private:
  void meta() {
    const std::uint8_t type = reader_.byte("a meta event");
    const std::string_view bytes = reader_.take(reader_.variable("a meta length"), "a meta event");
    status_ = 0;
    if (type == 0x2F) {
      ended_ = true;
    } else if (type == 0x03) {
      if (track_.name.empty()) track_.name = std::string(bytes);
    } else if (type == 0x51) {
      std::int64_t microseconds = 0;
      for (const char c : bytes.substr(0, 3))
        microseconds = microseconds * 256 + static_cast<std::uint8_t>(c);
      if (bytes.size() != 3 || microseconds == 0) {
        fail<DataError>("{}: tempo before byte {} must be three bytes and not zero", name_, reader_.offset());
      }
      tempos_.push_back({tick_, microseconds});
    }
  }

  void channel_message(std::uint8_t first) {
    MidiEvent event;
    event.tick = tick_;
    if (first >= 0x80) {
      status_ = first;
      event.data1 = reader_.data("a channel message");
    } else {
      if (status_ == 0) {
        fail<DataError>("{}: data byte {:#04x} at byte {} has no status before it", name_, first,
                        reader_.offset() - 1);
      }
      event.data1 = first;
    }
    event.status = status_;
    if (!one_data_byte(status_)) event.data2 = reader_.data("a channel message");
    track_.events.push_back(event);
  }

  Reader reader_;
  const std::string& name_;
  std::vector<MidiTempo>& tempos_;
  MidiTrack track_;
  std::int64_t tick_ = 0;
  std::uint8_t status_ = 0;
  bool ended_ = false;
};

void append_number(std::string& bytes, std::uint32_t value, int count) {
  for (int shift = 8 * (count - 1); shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>((value >> static_cast<unsigned>(shift)) & 0xFFU));
  }
}

void append_variable(std::string& bytes, std::int64_t number) {
  if (number < 0 || number >= (1 << 28)) {
    fail<DataError>("a MIDI file cannot hold the length {}; expected 0 to {}", number, (1 << 28) - 1);
  }
  const auto value = static_cast<std::uint32_t>(number);
  bool started = false;
  for (int shift = 21; shift >= 0; shift -= 7) {
    const std::uint32_t part = (value >> static_cast<unsigned>(shift)) & 0x7FU;
    started = started || part != 0 || shift == 0;
    if (started) bytes.push_back(static_cast<char>(part | (shift > 0 ? 0x80U : 0U)));
  }
}

void append_chunk(std::string& bytes, const std::string& body) {
  bytes += "MTrk";
  append_number(bytes, static_cast<std::uint32_t>(body.size()), 4);
  bytes += body;
}

constexpr std::string_view kEndOfTrack{"\x00\xFF\x2F\x00", 4};

std::string tempo_track(const std::vector<MidiTempo>& tempos) {
  std::string body;
  std::int64_t tick = 0;
  for (const auto& tempo : tempos) {
    append_variable(body, tempo.tick - tick);
    body += "\xFF\x51\x03";
    append_number(body, static_cast<std::uint32_t>(tempo.microseconds), 3);
    tick = tempo.tick;
  }
  return body.append(kEndOfTrack);
}

std::string track_body(const MidiTrack& track) {
  std::string body;
  if (!track.name.empty()) {
    body.append("\x00\xFF\x03", 3);
    append_variable(body, static_cast<std::int64_t>(track.name.size()));
    body += track.name;
  }
  std::int64_t tick = 0;
  for (const auto& event : track.events) {
    append_variable(body, event.tick - tick);
    body.push_back(static_cast<char>(event.status));
    body.push_back(static_cast<char>(event.data1));
    if (!one_data_byte(event.status)) body.push_back(static_cast<char>(event.data2));
    tick = event.tick;
  }
  return body.append(kEndOfTrack);
}

}  // namespace

MidiFile parse_midi(std::string_view bytes, const std::string& name) {
  Reader reader(bytes, name);
  if (reader.take(4, "its header") != "MThd") fail<DataError>("{}: not a MIDI file (no MThd header)", name);
  Reader header = reader.chunk(reader.number(4, "its header"), "its header");
  const std::uint32_t format = header.number(2, "its header");
  const std::uint32_t count = header.number(2, "its header");
  const std::uint32_t division = header.number(2, "its header");
  if (format > 1) fail<DataError>("{}: MIDI type {}, expected 0 or 1", name, format);
  if (format == 0 && count != 1) fail<DataError>("{}: MIDI type 0 with {} tracks, expected one", name, count);
  if (division == 0 || division > 0x7FFF) {
    fail<DataError>("{}: MIDI time division {:#06x}, expected ticks per quarter note", name, division);
  }
  MidiFile file;
  file.ticks_per_quarter = static_cast<int>(division);
  while (!reader.done()) {
    const std::string_view kind = reader.take(4, "a chunk header");
    const Reader chunk = reader.chunk(reader.number(4, "a chunk header"), "a chunk");
    if (kind == "MTrk") file.tracks.push_back(TrackParser(chunk, name, file.tempos).parse());
  }
  if (file.tracks.size() != count) {
    fail<DataError>("{}: the header names {} MIDI tracks, found {}", name, count, file.tracks.size());
  }
  std::stable_sort(file.tempos.begin(), file.tempos.end(),
                   [](const MidiTempo& a, const MidiTempo& b) { return a.tick < b.tick; });
  return file;
}

std::string midi_bytes(const MidiFile& file) {
  std::string bytes = "MThd";
  append_number(bytes, 6, 4);
  append_number(bytes, 1, 2);
  append_number(bytes, static_cast<std::uint32_t>(file.tracks.size()) + 1, 2);
  append_number(bytes, static_cast<std::uint32_t>(file.ticks_per_quarter), 2);
  append_chunk(bytes, tempo_track(file.tempos));
  for (const auto& track : file.tracks) append_chunk(bytes, track_body(track));
  return bytes;
}

void rescale(MidiFile& file, int ticks_per_quarter) {
  const auto scale = [&](std::int64_t tick) { return tick * ticks_per_quarter / file.ticks_per_quarter; };
  for (auto& tempo : file.tempos) tempo.tick = scale(tempo.tick);
  for (auto& track : file.tracks) {
    for (auto& event : track.events) event.tick = scale(event.tick);
  }
  file.ticks_per_quarter = ticks_per_quarter;
}

std::vector<Note> notes_of(const MidiTrack& track) {
  std::vector<Note> notes;
  std::array<std::array<std::vector<std::size_t>, 128>, 16> sounding;
  for (const auto& event : track.events) {
    if (event.kind() != 0x80 && event.kind() != 0x90) continue;
    auto& open = sounding[static_cast<std::size_t>(event.channel())][event.data1];
    if (event.kind() == 0x90 && event.data2 > 0) {
      open.push_back(notes.size());
      notes.push_back({event.tick, -1, event.data1, event.data2});
    } else if (!open.empty()) {
      notes[open.front()].end = event.tick;
      open.erase(open.begin());
    }
  }
  const std::int64_t last = track.events.empty() ? 0 : track.events.back().tick;
  for (auto& note : notes) {
    if (note.end < 0) note.end = last;
  }
  std::stable_sort(notes.begin(), notes.end(), [](const Note& a, const Note& b) {
    return std::pair(a.start, a.key) < std::pair(b.start, b.key);
  });
  return notes;
}

std::vector<MidiEvent> events_of(const std::vector<Note>& notes, int channel) {
  std::vector<MidiEvent> events;
  events.reserve(2 * notes.size());
  for (const auto& note : notes) {
    const auto key = static_cast<std::uint8_t>(note.key);
    events.push_back({note.start, static_cast<std::uint8_t>(0x90 | channel), key,
                      static_cast<std::uint8_t>(note.velocity)});
    const std::int64_t end = std::max(note.end, note.start + 1);  // an off on the same tick would come first
    events.push_back({end, static_cast<std::uint8_t>(0x80 | channel), key, 0});
  }
  std::stable_sort(events.begin(), events.end(), [](const MidiEvent& a, const MidiEvent& b) {
    return std::pair(a.tick, a.kind()) < std::pair(b.tick, b.kind());
  });
  return events;
}

TempoMap::TempoMap(const MidiFile& file) {
  const auto per_tick = [&](std::int64_t microseconds) {
    return 1e-6 * static_cast<double>(microseconds) / file.ticks_per_quarter;
  };
  segments_.push_back({0, 0.0, per_tick(500000)});
  for (const auto& tempo : file.tempos) {
    const double start = seconds(tempo.tick);
    segments_.push_back({tempo.tick, start, per_tick(tempo.microseconds)});
  }
}

double TempoMap::seconds(std::int64_t tick) const {
  auto after =
      std::upper_bound(segments_.begin() + 1, segments_.end(), tick,
                       [](std::int64_t value, const Segment& segment) { return value < segment.tick; });
  const Segment& segment = *(after - 1);
  return segment.seconds + static_cast<double>(tick - segment.tick) * segment.per_tick;
}

std::int64_t TempoMap::tick(double seconds) const {
  auto after = std::upper_bound(segments_.begin() + 1, segments_.end(), seconds,
                                [](double value, const Segment& segment) { return value < segment.seconds; });
  const Segment& segment = *(after - 1);
  return segment.tick + static_cast<std::int64_t>((seconds - segment.seconds) / segment.per_tick);
}

}  // namespace partita::data
