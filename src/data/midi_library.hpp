#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "midi.hpp"

namespace partita::data {

/// A user's MIDI files, in an order of their own that has nothing to do with their names, and those that
/// cannot be used, each with its reason.
struct MidiLibrary {
  std::vector<std::filesystem::path> files;
  std::vector<std::pair<std::string, std::string>> skipped;  ///< name below the folder, reason
  std::string digest;                                        ///< SHA-256 of the contents of all `files`
};

/// Reads every *.mid and *.midi file below `folder`. Skipped are damaged files, types and times that
/// `parse_midi` refuses, files with notes for less than two seconds or of one instrument alone, and copies
/// of another file. Throws DataError for a folder that is missing or without usable files.
[[nodiscard]] MidiLibrary list_midi(const std::filesystem::path& folder);

}  // namespace partita::data
