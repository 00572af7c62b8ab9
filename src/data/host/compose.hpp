#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "grooves.hpp"
#include "players.hpp"

namespace partita::data {

/// A song of drums, bass and piano on a drawn groove, performed by MMA in the folder `work`; nothing when
/// MMA refuses the draft or a part does not carry the song: draw again.
[[nodiscard]] std::optional<Piece> compose(Random& random, const std::vector<GrooveFile>& grooves,
                                           Players& players, double seconds,
                                           const std::filesystem::path& work);

/// A song from a user's MIDI file: all of its instruments, from a drawn quarter on and for at most
/// `seconds`. Throws DataError for a file that cannot be read any more.
[[nodiscard]] Piece arrange(Random& random, const std::filesystem::path& file, Players& players,
                            double seconds);

}  // namespace partita::data
