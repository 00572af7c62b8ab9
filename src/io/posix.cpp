#include "posix.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "partita/io/error.hpp"

namespace partita::io {
namespace {

constexpr mode_t kNewFileMode = 0666;  // less the user's umask
constexpr std::size_t kLargestWrite = std::size_t{1} << 30U;

int open_retrying(const std::filesystem::path& path, int flags) {
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), flags | O_CLOEXEC, kNewFileMode);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

bool is_writing(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }

}  // namespace

std::string system_message(int error) {
  std::string words = std::generic_category().message(error);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return words + "; free some space or choose another disk";
    case EACCES:
    case EPERM:
    case EROFS:
      return words + "; choose a place that you may use";
    default:
      return words;
  }
}

FileDescriptor::FileDescriptor(const std::filesystem::path& path, int flags)
    : path_(path.string()), descriptor_(open_retrying(path, flags)) {
  if (descriptor_ < 0) {
    fail<IoError>("'{}': cannot {}: {}", path_, is_writing(flags) ? "write" : "read", system_message(errno));
  }
}

FileDescriptor FileDescriptor::open_read(const std::filesystem::path& path) {
  FileDescriptor file(path, O_RDONLY);
  struct stat status {};
  if (::fstat(file.descriptor_, &status) != 0) {
    fail<IoError>("'{}': cannot read: {}", file.path_, system_message(errno));
  }
  if (S_ISDIR(status.st_mode)) fail<IoError>("'{}' is a folder: expected a file", file.path_);
  return file;
}

FileDescriptor FileDescriptor::open_truncate(const std::filesystem::path& path) {
  return {path, O_WRONLY | O_TRUNC};
}

FileDescriptor FileDescriptor::create(const std::filesystem::path& path) {
  return {path, O_WRONLY | O_CREAT | O_EXCL};
}

FileDescriptor FileDescriptor::open_append(const std::filesystem::path& path) {
  return {path, O_WRONLY | O_CREAT | O_APPEND};
}

FileDescriptor FileDescriptor::open_folder(const std::filesystem::path& path) {
  return {path, O_RDONLY | O_DIRECTORY};
}

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

FileDescriptor::~FileDescriptor() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::size_t FileDescriptor::size() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) {
    fail<IoError>("'{}': cannot read its size: {}", path_, system_message(errno));
  }
  return static_cast<std::size_t>(status.st_size);
}

std::size_t FileDescriptor::read(void* buffer, std::size_t size) {
  ssize_t count = 0;
  do {
    count = ::read(descriptor_, buffer, size);
  } while (count < 0 && errno == EINTR);
  if (count < 0) fail<IoError>("'{}': cannot read: {}", path_, system_message(errno));
  return static_cast<std::size_t>(count);
}

void FileDescriptor::write(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t count = ::write(descriptor_, bytes, std::min(size, kLargestWrite));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail<IoError>("'{}': cannot write: {}", path_, system_message(errno));
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
}

void FileDescriptor::flush() {
  if (::fsync(descriptor_) != 0 && errno != EINVAL &&
      errno != EROFS) {  // not every file system flushes folders
    fail<IoError>("'{}': cannot flush to disk: {}", path_, system_message(errno));
  }
}

void FileDescriptor::truncate() {
  if (::ftruncate(descriptor_, 0) != 0) fail<IoError>("'{}': cannot empty: {}", path_, system_message(errno));
}

bool FileDescriptor::try_lock() { return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0; }

void FileDescriptor::close() {
  if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) {
    fail<IoError>("'{}': cannot write: {}", path_, system_message(errno));
  }
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

void make_folders(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    fail<IoError>("'{}': cannot make the folder: {}", folder.string(), system_message(error.value()));
  }
}

void move_into_place(const std::filesystem::path& from, const std::filesystem::path& to) {
  FileDescriptor::open_read(from).flush();
  std::error_code error;
  std::filesystem::rename(from, to, error);
  if (error) fail<IoError>("'{}': cannot write: {}", to.string(), system_message(error.value()));
  FileDescriptor::open_folder(folder_of(to)).flush();
}

}  // namespace partita::io
