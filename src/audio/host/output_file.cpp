#include "host/output_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace partita::audio {

OutputFile::OutputFile(const std::filesystem::path& path)
    : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) {
    error_ = errno;
  }
}

OutputFile::~OutputFile() { close(); }

void OutputFile::close() {
  if (descriptor_ >= 0 && ::close(descriptor_) != 0 && error_ == 0) {
    error_ = errno;
  }
  descriptor_ = -1;
}

sf_count_t OutputFile::length() const {
  struct stat status {};
  return ::fstat(descriptor_, &status) == 0 ? static_cast<sf_count_t>(status.st_size) : -1;
}

sf_count_t OutputFile::seek(sf_count_t offset, int whence) const {
  return ::lseek(descriptor_, offset, whence);
}

sf_count_t OutputFile::read(void* bytes, sf_count_t count) const {
  return ::read(descriptor_, bytes, static_cast<std::size_t>(count));
}

sf_count_t OutputFile::write(const void* bytes, sf_count_t count) {
  const auto* rest = static_cast<const char*>(bytes);
  sf_count_t written = 0;
  while (written < count) {
    const auto now = ::write(descriptor_, rest + written, static_cast<std::size_t>(count - written));
    if (now < 0 && errno == EINTR) {
      continue;
    }
    if (now <= 0) {
      error_ = error_ != 0 ? error_ : (now < 0 ? errno : EIO);
      break;
    }
    written += now;
  }
  return written;
}

SF_VIRTUAL_IO OutputFile::functions() {
  SF_VIRTUAL_IO io{};
  io.get_filelen = [](void* user) { return static_cast<OutputFile*>(user)->length(); };
  io.seek = [](sf_count_t offset, int whence, void* user) {
    return static_cast<OutputFile*>(user)->seek(offset, whence);
  };
  io.read = [](void* bytes, sf_count_t count, void* user) {
    return static_cast<OutputFile*>(user)->read(bytes, count);
  };
  io.write = [](const void* bytes, sf_count_t count, void* user) {
    return static_cast<OutputFile*>(user)->write(bytes, count);
  };
  io.tell = [](void* user) { return static_cast<OutputFile*>(user)->seek(0, SEEK_CUR); };
  return io;
}

}  // namespace partita::audio
