#include "compose.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "draft.hpp"
#include "mma.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

constexpr int kBassProgram = 33;
constexpr int kPianoProgram = 0;

struct Performance {
  std::vector<MidiTempo> tempos;
  Parts parts;
  bool added_bass = false;
  bool added_chords = false;
};

/// What MMA makes of a draft, with parts of our own where the groove lacks them; nothing when it
/// refuses or when a part does not carry the song.
std::optional<Performance> perform(const SongDraft& draft, double seconds, const fs::path& work) {
  Performance performance;
  std::string refusal;
  const auto run = [&] {
    std::optional<MidiFile> file =
        run_mma(draft.with_parts(performance.added_bass, performance.added_chords), work, refusal);
    if (!file) return false;
    rescale(*file, kTicksPerQuarter);
    performance.tempos = file->tempos;
    performance.parts = sort_parts(*file);
    return true;
  };
  const auto missing = [&](const std::vector<Note>& notes) {
    const TempoMap tempo({kTicksPerQuarter, performance.tempos, {}});
    return !carries(notes, tempo, seconds);
  };
  if (!run() || missing(performance.parts.drums)) return std::nullopt;
  performance.added_bass = missing(performance.parts.bass);
  performance.added_chords = missing(performance.parts.chords);
  if ((performance.added_bass || performance.added_chords) && !run()) return std::nullopt;
  if (missing(performance.parts.bass) || missing(performance.parts.chords)) return std::nullopt;
  return performance;
}

}  // namespace

std::optional<Piece> compose(Random& random, const std::vector<GrooveFile>& grooves, Players& players,
                             double seconds, const fs::path& work) {
  const SongDraft draft = draw_song(random, random.pick(grooves), seconds);
  std::optional<Performance> performance = perform(draft, seconds, work);
  if (!performance) return std::nullopt;
  Piece piece;
  piece.seconds = seconds;
  piece.tempo = draft.tempo;
  piece.beats_per_bar = draft.groove.beats;
  piece.tempos = performance->tempos;
  piece.origin = {{"groove_library", draft.library},
                  {"groove", draft.groove.name},
                  {"second_groove", draft.second.name},
                  {"key", name_of(draft.key)},
                  {"bars", fmt::to_string(draft.bars)},
                  {"added_bass", performance->added_bass ? "true" : "false"},
                  {"added_chords", performance->added_chords ? "true" : "false"}};
  piece.stems.push_back(players.drummer(std::move(performance->parts.drums), draft.tempo));
  piece.stems.push_back(players.player(kBassProgram, std::move(performance->parts.bass), draft.tempo));
  piece.stems.push_back(players.player(kPianoProgram, std::move(performance->parts.chords), draft.tempo));
  piece.fewest_stems = piece.stems.size();
  return piece;
}

}  // namespace partita::data
