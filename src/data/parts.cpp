#include "parts.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <string>
#include <utility>

namespace partita::data {
namespace {

constexpr double kHighestBass = 52.0;  // mean key, E3
constexpr double kLowestChords = 45.0;
constexpr double kBassCentre = 38.0;  // D2; means from A1 to G#2 stay where they are

struct MmaTrack {
  std::string name;
  int channel = -1;
  int program = 0;
  double mean_key = 0.0;
  std::vector<Note> notes;

  [[nodiscard]] bool called(const char* word) const { return name.find(word) != std::string::npos; }
};

MmaTrack summary_of(const MidiTrack& source) {
  MmaTrack track;
  track.name = source.name;
  std::transform(track.name.begin(), track.name.end(), track.name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  track.notes = notes_of(source);
  for (const auto& event : source.events) {
    if (event.kind() == 0xC0) track.program = event.data1;
    if (event.kind() == 0x90) {
      track.channel = event.channel();
      break;
    }
  }
  for (const auto& note : track.notes) track.mean_key += note.key;
  track.mean_key /= std::max<double>(1.0, static_cast<double>(track.notes.size()));
  return track;
}

double bass_score(const MmaTrack& track) {
  if (track.mean_key > kHighestBass || !(track.called("BASS") || track.called("WALK"))) return 0.0;
  const bool bass_program = track.program >= 32 && track.program < 40;
  return static_cast<double>(track.notes.size()) * (bass_program ? 10.0 : 1.0);
}

double chord_score(const MmaTrack& track) {
  if (track.mean_key < kLowestChords || track.called("BASS") || track.called("WALK")) return 0.0;
  const double piano = track.called("PIANO") ? 4.0 : 1.0;
  const double chord = track.called("CHORD") ? 2.0 : 1.0;
  return static_cast<double>(track.notes.size()) * piano * chord;
}

/// Moves a bass line by octaves into a bass guitar's range.
void settle(std::vector<Note>& bass) {
  double mean = 0.0;
  for (const auto& note : bass) mean += note.key;
  mean /= std::max<double>(1.0, static_cast<double>(bass.size()));
  const int octaves = static_cast<int>(std::floor((kBassCentre + 6.0 - mean) / 12.0));
  for (auto& note : bass) note.key = std::clamp(note.key + 12 * octaves, 0, 127);
}

}  // namespace

Parts sort_parts(const MidiFile& file) {
  Parts parts;
  double best_bass = 0.0;
  double best_chords = 0.0;
  for (const auto& source : file.tracks) {
    MmaTrack track = summary_of(source);
    if (track.notes.empty()) continue;
    if (track.channel == kDrumChannel) {
      parts.drums.insert(parts.drums.end(), track.notes.begin(), track.notes.end());
    } else if (const double bass = bass_score(track); bass > best_bass) {
      best_bass = bass;
      parts.bass = std::move(track.notes);
    } else if (const double chords = chord_score(track); chords > best_chords) {
      best_chords = chords;
      parts.chords = std::move(track.notes);
    }
  }
  settle(parts.bass);
  return parts;
}

bool carries(const std::vector<Note>& notes, const TempoMap& tempo, double seconds) {
  if (static_cast<double>(notes.size()) < std::max(2.0, seconds / 4.0)) return false;
  double first = seconds;
  double last = 0.0;
  for (const auto& note : notes) {
    const double start = tempo.seconds(note.start);
    first = std::min(first, start);
    last = std::max(last, start);
  }
  return first < 0.35 * seconds && last > 0.55 * seconds;
}

std::vector<Note> humanise(Random& random, std::vector<Note> notes, const Feel& feel) {
  for (auto& note : notes) {
    const std::int64_t shift = std::llround(feel.offset_ticks + feel.jitter_ticks * random.bell());
    const double velocity = note.velocity * feel.velocity_scale + feel.velocity_spread * random.bell();
    note.velocity = static_cast<int>(std::clamp(std::round(velocity), 1.0, 127.0));
    note.start = std::max<std::int64_t>(0, note.start + shift);
    note.end = std::max(note.start + 1, note.end + shift);
  }
  std::stable_sort(notes.begin(), notes.end(), [](const Note& a, const Note& b) {
    return std::pair(a.start, a.key) < std::pair(b.start, b.key);
  });
  std::array<Note*, 128> previous{};
  std::vector<Note> kept;
  kept.reserve(notes.size());  // keeps the pointers valid
  for (const auto& note : notes) {
    Note*& before = previous[static_cast<std::size_t>(note.key)];
    if (before != nullptr && before->start >= note.start) continue;  // the same note twice at once
    if (before != nullptr) before->end = std::min(before->end, note.start);
    kept.push_back(note);
    before = &kept.back();
  }
  return kept;
}

}  // namespace partita::data
