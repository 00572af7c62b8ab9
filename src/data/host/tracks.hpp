#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "partita/data/prepare.hpp"

namespace partita::data {

/// A track of a data set before it is read: for each source the files that are averaged to it; for
/// plain mixtures one entry with one file.
struct Track {
  std::string name;
  std::vector<std::vector<std::filesystem::path>> sources;
  std::string fault;               ///< why the track cannot be used; empty: it can
  std::int64_t missing_stems = 0;  ///< of the wanted classes, not on disk
};

/// The tracks of each split, in the order in which splits are written (train, validation, test), each
/// list sorted by name. Throws DataError when the folder does not look like the layout.
using TracksBySplit = std::vector<std::pair<std::string, std::vector<Track>>>;
[[nodiscard]] TracksBySplit find_tracks(const PrepareOptions& options);

/// Reads a track at `sample_rate`, mono (mean of the channels): `[source, sample]`, float32. Stems of
/// one source are averaged, as the reference's preparation does. Throws DataError for stems of unequal
/// length and AudioError for files that cannot be read.
[[nodiscard]] torch::Tensor read_track(const Track& track, int sample_rate);

}  // namespace partita::data
