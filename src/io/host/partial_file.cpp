#include "partial_file.hpp"

#include <system_error>

#include "partita/io/atomic_file.hpp"
#include "partita/io/error.hpp"

namespace partita::io {
namespace fs = std::filesystem;
namespace {

fs::path with_suffix(fs::path path, const char* suffix) { return path += suffix; }

FileDescriptor open_part(const fs::path& path) {
  make_folders(folder_of(path));
  return FileDescriptor::open_append(path);
}

}  // namespace

PartialFile::PartialFile(const fs::path& final_path)
    : final_(final_path),
      path_(with_suffix(final_path, ".part")),
      etag_path_(with_suffix(final_path, ".part.etag")),
      file_(open_part(path_)) {
  if (!file_.try_lock()) {
    fail<IoError>("'{}' is in use: another process fetches the same file; wait for it", path_.string());
  }
}

std::string PartialFile::etag() const {
  std::error_code ignored;
  return fs::is_regular_file(etag_path_, ignored) ? read_file(etag_path_) : std::string();
}

void PartialFile::restart(const std::string& etag) {
  if (size() > 0) file_.truncate();
  std::error_code ignored;
  fs::remove(etag_path_, ignored);
  // A weak mark ("W/...") says only that two versions mean the same.
  if (etag.starts_with('"')) write_file(etag_path_, etag);
}

void PartialFile::finish() {
  move_into_place(path_, final_);
  std::error_code ignored;
  fs::remove(etag_path_, ignored);
}

void PartialFile::remove() {
  std::error_code ignored;
  fs::remove(path_, ignored);
  fs::remove(etag_path_, ignored);
}

}  // namespace partita::io
