#include "partita/io/atomic_file.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <system_error>
#include <utility>

#include "partita/io/error.hpp"
#include "posix.hpp"

namespace partita::io {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kLongestStem = 180;  // file systems allow names of 255 bytes

/// ".name.partial-<pid>-<n>.ext" beside the final file: hidden, and unique among threads and processes.
fs::path temporary_beside(const fs::path& final_path) {
  static std::atomic<unsigned> counter{0};
  const std::string stem = final_path.stem().string().substr(0, kLongestStem);
  const unsigned number = counter.fetch_add(1);
  return final_path.parent_path() /
         fmt::format(".{}.partial-{}-{}{}", stem, getpid(), number, final_path.extension().string());
}

/// Follows a symbolic link and refuses what is no ordinary file: a rename would replace a link or a device.
fs::path checked_target(fs::path path) {
  if (!path.has_filename()) fail<IoError>("'{}': cannot write: expected the name of a file", path.string());
  std::error_code error;
  if (fs::is_symlink(fs::symlink_status(path, error))) path = fs::weakly_canonical(path, error);
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) {
    fail<IoError>("'{}' is a folder: expected the name of a file to write", path.string());
  }
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    fail<IoError>("'{}' is not an ordinary file: expected the name of a file to write", path.string());
  }
  return path;
}

}  // namespace

AtomicFile::AtomicFile(fs::path final_path) : final_(checked_target(std::move(final_path))) {
  make_folders(folder_of(final_));
  fs::path temporary = temporary_beside(final_);
  FileDescriptor::create(temporary).close();
  temporary_ = std::move(temporary);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : final_(std::move(other.final_)), temporary_(std::exchange(other.temporary_, fs::path())) {}

AtomicFile::~AtomicFile() {
  if (temporary_.empty()) return;
  std::error_code ignored;
  fs::remove(temporary_, ignored);
}

void AtomicFile::commit() {
  if (temporary_.empty()) fail<IoError>("'{}': was committed before", final_.string());
  move_into_place(temporary_, final_);
  temporary_.clear();
}

void write_file(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  FileDescriptor out = FileDescriptor::open_truncate(file.temporary());
  out.write(bytes.data(), bytes.size());
  out.close();
  file.commit();
}

std::string read_file(const fs::path& path) {
  FileDescriptor file = FileDescriptor::open_read(path);
  std::string bytes;
  bytes.reserve(file.size());
  std::array<char, 1U << 16U> block{};
  while (const std::size_t count = file.read(block.data(), block.size())) bytes.append(block.data(), count);
  return bytes;
}

}  // namespace partita::io
