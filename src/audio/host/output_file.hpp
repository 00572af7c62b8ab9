#pragma once

#include <sndfile.h>

#include <filesystem>

namespace partita::audio {

/// A file that libsndfile writes through, so that no failed write, not even one while closing,
/// goes unnoticed: `error()` is the errno of the first.
class OutputFile {
 public:
  /// Creates the file or empties it; `error()` says whether that worked.
  explicit OutputFile(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  [[nodiscard]] int error() const { return error_; }
  void close();

  /// The functions that `sf_open_virtual` wants; their user data is the OutputFile.
  static SF_VIRTUAL_IO functions();

 private:
  sf_count_t length() const;
  sf_count_t seek(sf_count_t offset, int whence) const;
  sf_count_t read(void* bytes, sf_count_t count) const;
  sf_count_t write(const void* bytes, sf_count_t count);

  int descriptor_ = -1;
  int error_ = 0;
};

}  // namespace partita::audio
