#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "midi.hpp"

namespace partita::data {

/// Runs the program `mma` on `text` within the folder `work`, which is also its home. Returns
/// nothing when MMA refuses the text or takes longer than a minute, with its last line in
/// `refusal`. Throws DataError when the program cannot be started, Interrupted when asked to stop.
[[nodiscard]] std::optional<MidiFile> run_mma(const std::string& text, const std::filesystem::path& work,
                                              std::string& refusal);

}  // namespace partita::data
