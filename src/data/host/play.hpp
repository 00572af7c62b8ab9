#pragma once

#include <vector>

#include "piece.hpp"

namespace partita::data {

/// Plays the stems at their levels (those that stay silent are taken out) and returns the mix, their sum,
/// brought under full scale together with them. Empty when fewer than `fewest_stems` sound.
[[nodiscard]] std::vector<float> play(const SoundFonts& fonts, Piece& piece);

}  // namespace partita::data
