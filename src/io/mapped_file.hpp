#pragma once

#include <torch/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace partita::io {

/// A file's bytes, mapped for reading.
class MappedFile {
 public:
  /// Throws IoError if the file cannot be read.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  std::string name_;
  std::string_view bytes_;
};

/// `bytes`, which lie in `file`, as a tensor of this shape: a view that keeps the mapping alive, or a copy
/// where they are not aligned for the dtype.
[[nodiscard]] torch::Tensor mapped_tensor(std::shared_ptr<const MappedFile> file, std::string_view bytes,
                                          c10::IntArrayRef shape, torch::Dtype dtype);

}  // namespace partita::io
