#include <algorithm>
#include <cmath>
#include <utility>

#include "arrangement.hpp"
#include "compose.hpp"
#include "partita/io/atomic_file.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

constexpr double kTail = 1.0;  // seconds after the last note of a file

/// The quarter that a song begins with: drawn where the file is longer than the song.
std::int64_t draw_start(Random& random, const TempoMap& tempo, double end, double seconds) {
  if (end <= seconds) return 0;
  const std::int64_t tick = tempo.tick(random.uniform(0.0, end - seconds));
  return tick - tick % kTicksPerQuarter;
}

void add_controls(Stem& stem, const std::vector<MidiEvent>& controls) {
  std::vector<MidiEvent> events = controls;  // before the notes of the same tick
  events.insert(events.end(), stem.events.begin(), stem.events.end());
  std::stable_sort(events.begin(), events.end(),
                   [](const MidiEvent& a, const MidiEvent& b) { return a.tick < b.tick; });
  stem.events = std::move(events);
}

}  // namespace

Piece arrange(Random& random, const fs::path& path, Players& players, double seconds) {
  MidiFile file = parse_midi(io::read_file(path), path.string());
  rescale(file, kTicksPerQuarter);
  const std::vector<MidiPart> parts = parts_of(file);
  const TempoMap tempo(file);
  const double end = tempo.seconds(end_of(parts)) + kTail;
  const std::int64_t start = draw_start(random, tempo, end, seconds);
  const double from = tempo.seconds(start);
  Piece piece;
  piece.seconds = std::min(seconds, end - from);
  piece.tempos = excerpt(file.tempos, start);
  piece.tempo = 6e7 / static_cast<double>(piece.tempos.front().microseconds);
  piece.origin = {{"midi_file", path.filename().string()}, {"midi_start", fmt::format("{:.3f}", from)}};
  const std::int64_t last = tempo.tick(from + piece.seconds);
  for (const auto& part : parts) {
    MidiPart cut = excerpt(part, start, last);
    if (cut.notes.empty()) continue;
    piece.stems.push_back(cut.drums ? players.drummer(std::move(cut.notes), piece.tempo)
                                    : players.player(cut.program, std::move(cut.notes), piece.tempo));
    add_controls(piece.stems.back(), cut.controls);
  }
  return piece;
}

}  // namespace partita::data
