#pragma once

#include <filesystem>

namespace partita::audio {

/// Throws AudioError if a WAV (RIFF, RF64), AIFF or OGG file ends before its own structure says
/// so, which libsndfile passes over. Lengths that only mean "unknown" (streamed WAV) are accepted,
/// and so is every other kind of file.
void require_whole(const std::filesystem::path& path);

}  // namespace partita::audio
