#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <vector>

#include "grooves.hpp"
#include "partita/data/render.hpp"
#include "sound_fonts.hpp"

namespace partita::data {

/// The groove libraries of each split.
using GroovesBySplit = std::map<Split, std::vector<GrooveFile>>;

/// The folder of a song: `<output>/<split>/TrackNNNNN`, numbered from 1 as Slakh2100 does.
[[nodiscard]] std::filesystem::path song_folder(const RenderOptions& options, std::int64_t song);
/// Where it is made before it is renamed.
[[nodiscard]] std::filesystem::path unfinished_folder(const std::filesystem::path& folder);

/// Composes, plays and writes one song. Its bytes depend on the seed and its number alone.
void render_song(const RenderOptions& options, std::int64_t song, const GroovesBySplit& grooves,
                 const SoundFonts& fonts);

}  // namespace partita::data
