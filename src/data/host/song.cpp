#include "song.hpp"

#include <optional>
#include <utility>

#include "compose.hpp"
#include "partita/base/random.hpp"
#include "play.hpp"
#include "track_folder.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

constexpr int kMostDraws = 64;
constexpr int kDrawsPerFile = 4;  // of a MIDI file; then the next is tried

/// How many songs of the same split come before a song.
std::int64_t place_in_split(const RenderOptions& options, std::int64_t song) {
  const Split split = split_of_song(song, options.validation, options.test);
  std::int64_t place = 0;
  for (std::int64_t before = 0; before < song; ++before) {
    if (split_of_song(before, options.validation, options.test) == split) ++place;
  }
  return place;
}

}  // namespace

fs::path song_folder(const RenderOptions& options, std::int64_t song) {
  const Split split = split_of_song(song, options.validation, options.test);
  return options.output / name_of(split) / fmt::format("Track{:05}", song + 1);
}

fs::path unfinished_folder(const fs::path& folder) {
  return folder.parent_path() / fmt::format(".{}.part", folder.filename().string());
}

void render_song(const RenderOptions& options, std::int64_t song, const Material& material,
                 const Palette& palette) {
  const fs::path folder = song_folder(options, song);
  const fs::path unfinished = unfinished_folder(folder);
  const fs::path work = unfinished / "work";
  fs::remove_all(unfinished);
  fs::create_directories(work);
  const Split split = split_of_song(song, options.validation, options.test);
  Random random(derive_seed(options.seed, "song", static_cast<std::uint64_t>(song)));
  Players players(palette, split, options.timbres, random);
  const auto draw_piece = [&](int draw) -> std::optional<Piece> {
    if (material.midi.empty())
      return compose(random, material.grooves.at(split), players, options.seconds, work);
    const auto& files = material.midi.at(split);
    const auto place = static_cast<std::size_t>(place_in_split(options, song) + draw / kDrawsPerFile);
    return arrange(random, files[place % files.size()], players, options.seconds);
  };
  for (int draw = 0; draw < kMostDraws; ++draw) {
    std::optional<Piece> piece = draw_piece(draw);
    if (!piece) continue;
    const std::vector<float> mix = play(palette.fonts(), *piece);
    if (mix.empty()) continue;
    write_track(unfinished, *piece, mix, palette.fonts(), {options.seed, song, draw + 1});
    fs::remove_all(work);
    fs::rename(unfinished, folder);
    return;
  }
  fs::remove_all(unfinished);
  fail<DataError>("song {}: {} draws in a row came to nothing; {}", song, kMostDraws,
                  material.midi.empty() ? "does 'mma' work, and are its libraries whole?"
                                        : "do several instruments of the MIDI files play together?");
}

}  // namespace partita::data
