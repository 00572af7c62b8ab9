#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace partita::data {

/// A groove as MMA knows it, with the beats of its bar.
struct Groove {
  std::string name;
  int beats = 4;
};

/// A library file: variants of one groove. `library` is MMA's extended name, "stdlib/swing".
struct GrooveFile {
  std::string library;
  std::vector<Groove> main;
  std::vector<Groove> fills;
};

enum class Split { Train, Validation, Test };
[[nodiscard]] const char* name_of(Split split);

/// The folder of MMA's groove libraries: `$MMA_LIBPATH` or where packages install it. Throws
/// DataError when there is none.
[[nodiscard]] std::filesystem::path groove_folder();

/// The library files with at least one groove that can carry a song (introductions, endings and
/// counts cannot), sorted by name. Throws DataError for a folder without any.
[[nodiscard]] std::vector<GrooveFile> list_grooves(const std::filesystem::path& folder);

/// Which split a library file belongs to. Files of one family ("casio/8beat1", "pflib/8beat2") go
/// together. Depends on the family's name and the shares alone, never on a user's seed: whatever
/// data sets are rendered, a groove held out of one with these shares is held out of all.
[[nodiscard]] Split split_of_groove(const std::string& library, double validation, double test);

/// Which split a song belongs to, by its number: the shares hold closely for every first n songs.
[[nodiscard]] Split split_of_song(std::int64_t song, double validation, double test);

}  // namespace partita::data
