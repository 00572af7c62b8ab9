#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <vector>

#include "grooves.hpp"
#include "palette.hpp"
#include "partita/data/render.hpp"

namespace partita::data {

/// What songs are made from, by split: groove libraries, or a user's MIDI files.
struct Material {
  std::map<Split, std::vector<GrooveFile>> grooves;
  std::map<Split, std::vector<std::filesystem::path>> midi;  ///< empty: grooves

  [[nodiscard]] bool covers(Split split) const {
    return midi.empty() ? grooves.count(split) > 0 : midi.count(split) > 0;
  }
};

/// The folder of a song: `<output>/<split>/TrackNNNNN`, numbered from 1 as Slakh2100 does.
[[nodiscard]] std::filesystem::path song_folder(const RenderOptions& options, std::int64_t song);
/// Where it is made before it is renamed.
[[nodiscard]] std::filesystem::path unfinished_folder(const std::filesystem::path& folder);

/// Composes, plays and writes one song. Its bytes depend on the options and its number alone.
void render_song(const RenderOptions& options, std::int64_t song, const Material& material,
                 const Palette& palette);

}  // namespace partita::data
