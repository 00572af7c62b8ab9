#include "partita/io/safetensors.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "mapped_file.hpp"
#include "partita/io/atomic_file.hpp"
#include "posix.hpp"
#include "safetensors_header.hpp"

namespace partita::io {

namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kLongestHeader = 100'000'000;  // the limit of the reference implementation

}  // namespace

struct SafetensorsFile::Mapping {
  std::shared_ptr<const MappedFile> file;
  std::string_view data;
  SafetensorsHeader header;

  explicit Mapping(const std::filesystem::path& path) : file(std::make_shared<MappedFile>(path)) {
    const std::string_view bytes = file->bytes();
    if (bytes.size() < kLengthBytes) {
      fail<IoError>(
          "'{}' is not a valid safetensors file: {} bytes, expected at least 8; fetch or write it again",
          file->name(), bytes.size());
    }
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), kLengthBytes);
    if (length > kLongestHeader || length > bytes.size() - kLengthBytes) {
      fail<IoError>(
          "'{}' is not a valid safetensors file: its header should be {} bytes long, the file has {}; "
          "fetch or write it again",
          file->name(), length, bytes.size());
    }
    data = bytes.substr(kLengthBytes + static_cast<std::size_t>(length));
    header = parse_safetensors_header(bytes.substr(kLengthBytes, static_cast<std::size_t>(length)),
                                      data.size(), file->name());
  }
};

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : mapping_(std::make_shared<Mapping>(path)) {}

const std::map<std::string, SafetensorsFile::Entry>& SafetensorsFile::entries() const {
  return mapping_->header.entries;
}

const StringMap& SafetensorsFile::metadata() const { return mapping_->header.metadata; }

bool SafetensorsFile::contains(const std::string& name) const { return entries().count(name) != 0; }

torch::Tensor SafetensorsFile::tensor(const std::string& name) const {
  const auto found = entries().find(name);
  if (found == entries().end()) {
    fail<IoError>("'{}' holds no tensor '{}' ({} tensors)", mapping_->file->name(), name, entries().size());
  }
  const Entry& entry = found->second;
  return mapped_tensor(mapping_->file, mapping_->data.substr(entry.begin, entry.end - entry.begin),
                       entry.shape, entry.dtype);
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
