#pragma once

#include <filesystem>
#include <vector>

#include "palette.hpp"
#include "piece.hpp"

namespace partita::data {

/// What tells songs of a data set apart, for metadata.yaml.
struct SongNumber {
  std::uint64_t seed = 0;
  std::int64_t song = 0;
  int draws = 1;
};

/// Writes a track of Slakh2100's shape: mix.flac, stems, MIDI and metadata.yaml.
void write_track(const std::filesystem::path& folder, const Piece& piece, const std::vector<float>& mix,
                 const SoundFonts& fonts, const SongNumber& number);

}  // namespace partita::data
