#include "arrangement.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace partita::data {
namespace {

constexpr int kChannels = 16;
/// Modulation, volume, expression, sustain, sostenuto, soft pedal.
constexpr std::array<int, 6> kShaping{1, 7, 11, 64, 66, 67};
/// Data entry and parameter numbers: the range of pitch bends. Their order matters.
constexpr std::array<int, 4> kParameters{6, 38, 100, 101};

template <class Container>
bool has(const Container& items, int item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

bool is_control(const MidiEvent& event) {
  if (event.kind() == 0xE0) return true;
  return event.kind() == 0xB0 && (has(kShaping, event.data1) || has(kParameters, event.data1));
}

/// What all tracks say to one channel.
struct ChannelState {
  std::vector<std::pair<std::int64_t, int>> programs;  ///< changes, in time order
  std::vector<MidiEvent> controls;

  [[nodiscard]] int program_at(std::int64_t tick) const {
    const auto after = std::upper_bound(
        programs.begin(), programs.end(), tick,
        [](std::int64_t value, const std::pair<std::int64_t, int>& change) { return value < change.first; });
    return after == programs.begin() ? 0 : (after - 1)->second;
  }
};

std::array<ChannelState, kChannels> channel_states(const MidiFile& file) {
  std::array<ChannelState, kChannels> states;
  for (const auto& track : file.tracks) {
    for (const auto& event : track.events) {
      ChannelState& state = states[static_cast<std::size_t>(event.channel())];
      if (event.kind() == 0xC0) state.programs.emplace_back(event.tick, event.data1);
      if (!is_control(event)) continue;
      state.controls.push_back(event);
      state.controls.back().status = static_cast<std::uint8_t>(event.kind());
    }
  }
  for (auto& state : states) {
    std::stable_sort(state.programs.begin(), state.programs.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::stable_sort(state.controls.begin(), state.controls.end(),
                     [](const MidiEvent& a, const MidiEvent& b) { return a.tick < b.tick; });
  }
  return states;
}

std::array<MidiTrack, kChannels> by_channel(const MidiTrack& track) {
  std::array<MidiTrack, kChannels> channels;
  for (const auto& event : track.events) {
    channels[static_cast<std::size_t>(event.channel())].events.push_back(event);
  }
  return channels;
}

}  // namespace

std::vector<MidiPart> parts_of(const MidiFile& file) {
  const std::array<ChannelState, kChannels> states = channel_states(file);
  std::vector<MidiPart> parts;
  for (const auto& track : file.tracks) {
    const std::array<MidiTrack, kChannels> channels = by_channel(track);
    for (int channel = 0; channel < kChannels; ++channel) {
      const auto place = static_cast<std::size_t>(channel);
      const bool drums = channel == kDrumChannel;
      std::map<int, MidiPart> programs;  // a kit is drawn for drums, whatever their program
      for (const auto& note : notes_of(channels[place])) {
        const int program = drums ? 0 : states[place].program_at(note.start);
        programs[program].notes.push_back(note);
      }
      for (auto& [program, part] : programs) {
        parts.push_back({drums, program, std::move(part.notes), states[place].controls});
      }
    }
  }
  return parts;
}

std::int64_t end_of(const std::vector<MidiPart>& parts) {
  std::int64_t end = 0;
  for (const auto& part : parts) {
    for (const auto& note : part.notes) end = std::max(end, note.end);
  }
  return end;
}

MidiPart excerpt(const MidiPart& part, std::int64_t start, std::int64_t end) {
  MidiPart cut{part.drums, part.program, {}, {}};
  for (Note note : part.notes) {
    if (note.start < start || note.start >= end) continue;
    note.start -= start;
    note.end -= start;
    cut.notes.push_back(note);
  }
  std::map<std::pair<int, int>, std::size_t> earlier;  // where each controller set before stands
  for (MidiEvent event : part.controls) {
    if (event.tick >= end) break;
    const bool before = event.tick < start;
    event.tick = std::max<std::int64_t>(0, event.tick - start);
    const int number = event.kind() == 0xE0 ? 0 : event.data1;
    const bool replaces = before && !has(kParameters, number);
    const auto [place, added] = replaces ? earlier.try_emplace({event.kind(), number}, cut.controls.size())
                                         : std::pair{earlier.end(), true};
    if (added) {
      cut.controls.push_back(event);
    } else {
      cut.controls[place->second] = event;
    }
  }
  return cut;
}

std::vector<MidiTempo> excerpt(const std::vector<MidiTempo>& tempos, std::int64_t start) {
  std::vector<MidiTempo> cut{{0, MidiTempo{}.microseconds}};
  for (MidiTempo tempo : tempos) {
    tempo.tick = std::max<std::int64_t>(0, tempo.tick - start);
    if (tempo.tick == 0) cut.clear();
    cut.push_back(tempo);
  }
  return cut;
}

}  // namespace partita::data
