#include "partita/io/safetensors.hpp"

#include <sys/mman.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "partita/io/atomic_file.hpp"
#include "posix.hpp"
#include "safetensors_header.hpp"

namespace partita::io {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kLongestHeader = 100'000'000;  // the limit of the reference implementation

}  // namespace

struct SafetensorsFile::Mapping {
  std::string file;
  const char* bytes = nullptr;
  std::size_t size = 0;
  std::size_t data_begin = 0;
  SafetensorsHeader header;

  explicit Mapping(const std::filesystem::path& path) : file(path.string()) {
    const FileDescriptor descriptor = FileDescriptor::open_read(path);
    size = descriptor.size();
    if (size < kLengthBytes) {
      fail<IoError>(
          "'{}' is not a valid safetensors file: {} bytes, expected at least 8; fetch or write it again",
          file, size);
    }
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
    if (address == MAP_FAILED) fail<IoError>("'{}': cannot map: {}", file, system_message(errno));
    bytes = static_cast<const char*>(address);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { ::munmap(const_cast<char*>(bytes), size); }

  void read_header() {
    std::uint64_t length = 0;
    std::memcpy(&length, bytes, kLengthBytes);
    if (length > kLongestHeader || length > size - kLengthBytes) {
      fail<IoError>(
          "'{}' is not a valid safetensors file: its header should be {} bytes long, the file has {}; "
          "fetch or write it again",
          file, length, size);
    }
    data_begin = kLengthBytes + static_cast<std::size_t>(length);
    header = parse_safetensors_header({bytes + kLengthBytes, static_cast<std::size_t>(length)},
                                      size - data_begin, file);
  }
};

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) {
  auto mapping = std::make_shared<Mapping>(path);
  mapping->read_header();
  mapping_ = std::move(mapping);
}

const std::map<std::string, SafetensorsFile::Entry>& SafetensorsFile::entries() const {
  return mapping_->header.entries;
}

const StringMap& SafetensorsFile::metadata() const { return mapping_->header.metadata; }

bool SafetensorsFile::contains(const std::string& name) const { return entries().count(name) != 0; }

torch::Tensor SafetensorsFile::tensor(const std::string& name) const {
  const auto found = entries().find(name);
  if (found == entries().end()) {
    fail<IoError>("'{}' holds no tensor '{}' ({} tensors)", mapping_->file, name, entries().size());
  }
  const Entry& entry = found->second;
  const auto options = torch::TensorOptions().dtype(entry.dtype);
  if (entry.begin == entry.end) return torch::empty(entry.shape, options);
  const char* data = mapping_->bytes + mapping_->data_begin + entry.begin;
  if (std::bit_cast<std::uintptr_t>(data) % c10::elementSize(entry.dtype) != 0) {
    torch::Tensor copy = torch::empty(entry.shape, options);
    std::memcpy(copy.data_ptr(), data, entry.end - entry.begin);
    return copy;
  }
  return torch::from_blob(
      const_cast<char*>(data), entry.shape, [keep = mapping_](void* /*data*/) {}, options);
}

TensorMap SafetensorsFile::tensors(const std::string& prefix) const {
  TensorMap result;
  for (auto it = entries().lower_bound(prefix); it != entries().end() && it->first.starts_with(prefix);
       ++it) {
    result.emplace(it->first.substr(prefix.size()), tensor(it->first));
  }
  return result;
}

namespace {

/// The header's JSON, padded with spaces so that the data begin at a multiple of 8 bytes.
std::string header_text(const std::filesystem::path& path, const TensorMap& tensors,
                        const StringMap& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t position = 0;
  for (const auto& [name, tensor] : tensors) {
    if (name == "__metadata__") fail<IoError>("'{}': no tensor can be called __metadata__", path.string());
    if (!tensor.defined()) fail<IoError>("'{}': tensor '{}' is undefined", path.string(), name);
    const auto dtype = safetensors_dtype_name(tensor.scalar_type());
    if (!dtype || tensor.layout() != torch::kStrided) {
      fail<IoError>("'{}': tensor '{}' is {}: expected a dense one of F32, F16, BF16, I64, I32, I16 or U8",
                    path.string(), name, tensor.toString());
    }
    const std::uint64_t end = position + static_cast<std::uint64_t>(tensor.nbytes());
    header[name] = {{"dtype", *dtype}, {"shape", tensor.sizes().vec()}, {"data_offsets", {position, end}}};
    position = end;
  }
  try {
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    return text;
  } catch (const nlohmann::json::exception& error) {
    fail<IoError>("'{}': a name or a metadata text is not UTF-8 ({})", path.string(), error.what());
  }
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                       const StringMap& metadata) {
  const torch::NoGradGuard no_grad;
  const std::string header = header_text(path, tensors, metadata);
  AtomicFile file(path);
  FileDescriptor out = FileDescriptor::open_truncate(file.temporary());
  const auto length =
      std::bit_cast<std::array<char, kLengthBytes>>(static_cast<std::uint64_t>(header.size()));
  out.write(length.data(), length.size());
  out.write(header.data(), header.size());
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor plain = tensor.detach().to(torch::kCPU).contiguous();
    out.write(plain.data_ptr(), plain.nbytes());
  }
  out.close();
  file.commit();
}

}  // namespace partita::io
