#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace partita::io {

/// A file that appears under its final name whole or not at all. Write to `temporary()`
/// (beside the final name, on the same file system), then `commit()`; without commit the
/// destructor removes it.
class AtomicFile {
 public:
  /// Creates missing parent folders. Throws IoError if the folder cannot be written.
  explicit AtomicFile(std::filesystem::path final_path);
  ~AtomicFile();
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;

  /// Keeps the final name's extension, since audio libraries choose formats by it.
  [[nodiscard]] const std::filesystem::path& temporary() const { return temporary_; }
  [[nodiscard]] const std::filesystem::path& final_path() const { return final_; }

  /// Flushes to disk and renames. Throws IoError, leaving the final name as it was.
  void commit();

 private:
  std::filesystem::path final_;
  std::filesystem::path temporary_;
};

/// Writes `bytes` to `path` atomically.
void write_file(const std::filesystem::path& path, std::string_view bytes);

/// The whole of a (small) file. Throws IoError if it cannot be read.
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

}  // namespace partita::io
