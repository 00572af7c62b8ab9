#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "../posix.hpp"

namespace partita::io {

/// What has arrived of a file: `<path>.part`, and `<path>.part.etag` with the server's mark of the version.
class PartialFile {
 public:
  /// Opens what is there, or begins anew. Throws IoError if another process is at it.
  explicit PartialFile(const std::filesystem::path& final_path);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::uint64_t size() const { return file_.size(); }
  /// Empty if the server gave none that proves two files to be equal byte by byte.
  [[nodiscard]] std::string etag() const;

  void append(std::string_view bytes) { file_.write(bytes.data(), bytes.size()); }
  /// Throws away what is there; what comes next is of the version with this mark.
  void restart(const std::string& etag);
  /// Gives it its final name.
  void finish();
  void remove();

 private:
  std::filesystem::path final_, path_, etag_path_;
  FileDescriptor file_;
};

}  // namespace partita::io
