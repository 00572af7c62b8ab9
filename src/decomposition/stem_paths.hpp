#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace partita::decomposition {

/// A name as one part of a path: separators, control characters and a leading dot become "_".
[[nodiscard]] std::string file_name_part(const std::string& name);

/// Files of a song's stems below `output`, one for each of `stems`: the template's {stem} is replaced
/// by the stem's name, every other placeholder by its entry in `values`. Throws UsageError for unknown
/// placeholders, stray braces, templates that lead out of the folder and names that coincide.
[[nodiscard]] std::vector<std::filesystem::path> stem_paths(const std::filesystem::path& output,
                                                            const std::string& name_template,
                                                            const std::map<std::string, std::string>& values,
                                                            const std::vector<std::string>& stems);

/// Folders that do not exist yet: removed again, where still empty, unless `keep` was called.
class NewFolders {
 public:
  explicit NewFolders(const std::vector<std::filesystem::path>& files);
  ~NewFolders();
  NewFolders(const NewFolders&) = delete;
  NewFolders& operator=(const NewFolders&) = delete;
  void keep() { missing_.clear(); }

 private:
  std::vector<std::filesystem::path> missing_;  ///< outermost first
};

}  // namespace partita::decomposition
