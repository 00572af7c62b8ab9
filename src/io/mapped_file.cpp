#include "mapped_file.hpp"

#include <sys/mman.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "partita/io/error.hpp"
#include "posix.hpp"

namespace partita::io {

static_assert(std::endian::native == std::endian::little, "weight files are little-endian");

MappedFile::MappedFile(const std::filesystem::path& path) : name_(path.string()) {
  const FileDescriptor descriptor = FileDescriptor::open_read(path);
  const std::size_t size = descriptor.size();
  if (size == 0) return;
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
  if (address == MAP_FAILED) fail<IoError>("'{}': cannot map: {}", name_, system_message(errno));
  bytes_ = {static_cast<const char*>(address), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

torch::Tensor mapped_tensor(std::shared_ptr<const MappedFile> file, std::string_view bytes,
                            c10::IntArrayRef shape, torch::Dtype dtype) {
  const auto options = torch::TensorOptions().dtype(dtype);
  if (bytes.empty()) return torch::empty(shape, options);
  if (std::bit_cast<std::uintptr_t>(bytes.data()) % c10::elementSize(dtype) != 0) {
    torch::Tensor copy = torch::empty(shape, options);
    std::memcpy(copy.data_ptr(), bytes.data(), bytes.size());
    return copy;
  }
  return torch::from_blob(
      const_cast<char*>(bytes.data()), shape, [keep = std::move(file)](void* /*data*/) {}, options);
}

}  // namespace partita::io
