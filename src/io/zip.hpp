#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace partita::io {

/// A ZIP archive of stored (uncompressed) entries, as torch.save writes it: below 4 GiB, one part, not
/// encrypted. The layout is checked whole: the directory and every entry lie inside of the file, agree with
/// the headers before the data, and overlap nothing.
class ZipArchive {
 public:
  /// `bytes` must outlive the archive; `file` is for messages. Throws IoError on the first fault.
  ZipArchive(std::string_view bytes, std::string file);

  [[nodiscard]] bool contains(const std::string& name) const { return entries_.count(name) != 0; }
  /// The name of the only entry `<folder>/<file>` with this file name. Throws IoError if there is none, or
  /// more than one.
  [[nodiscard]] std::string find(std::string_view file_name) const;
  /// An entry's bytes. Throws IoError if it is missing or its CRC-32 differs.
  [[nodiscard]] std::string_view read(const std::string& name) const;

 private:
  struct Entry {
    std::string_view data;
    std::uint32_t crc = 0;
  };
  struct Directory;

  [[nodiscard]] Directory find_directory() const;
  [[nodiscard]] std::string_view data_of(std::string_view record, std::string_view name,
                                         std::uint64_t directory) const;
  void check_overlaps() const;
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const;

  std::string_view bytes_;
  std::string file_;
  std::map<std::string, Entry> entries_;
};

/// Whether a file that begins with these bytes claims to be a ZIP archive.
[[nodiscard]] bool begins_like_zip(std::string_view bytes);

}  // namespace partita::io
