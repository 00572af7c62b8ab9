#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace partita::io {

/// An open file that closes itself; every failure is an IoError that names the file.
class FileDescriptor {
 public:
  /// For reading. Refuses folders.
  static FileDescriptor open_read(const std::filesystem::path& path);
  /// For writing an existing file from its start.
  static FileDescriptor open_truncate(const std::filesystem::path& path);
  /// Creates a new file; it must not exist.
  static FileDescriptor create(const std::filesystem::path& path);
  /// For adding to the end of a file, which is created if it is missing.
  static FileDescriptor open_append(const std::filesystem::path& path);
  /// A folder, to flush it.
  static FileDescriptor open_folder(const std::filesystem::path& path);

  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&&) = delete;
  ~FileDescriptor();

  [[nodiscard]] int get() const { return descriptor_; }
  [[nodiscard]] std::size_t size() const;
  /// Reads up to `size` bytes; 0 at the end.
  std::size_t read(void* buffer, std::size_t size);
  void write(const void* data, std::size_t size);
  void flush();
  /// Empties it.
  void truncate();
  /// Keeps other programs from locking the file until it is closed. Returns whether none had.
  [[nodiscard]] bool try_lock();
  /// Closes now, so that errors of delayed writing are seen.
  void close();

 private:
  FileDescriptor(const std::filesystem::path& path, int flags);

  std::string path_;
  int descriptor_ = -1;
};

/// "a/b" of "a/b/c", "." of "c".
[[nodiscard]] std::filesystem::path folder_of(const std::filesystem::path& path);
/// Creates the missing folders of a path. Throws IoError.
void make_folders(const std::filesystem::path& folder);
/// Flushes a file to disk, renames it and flushes its folder. Throws IoError, leaving `to` as it was.
void move_into_place(const std::filesystem::path& from, const std::filesystem::path& to);

/// The system's words for `error`, with advice where there is some: "no space left on device; ...".
[[nodiscard]] std::string system_message(int error);

}  // namespace partita::io
