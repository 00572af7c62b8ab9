#include "partita/io/torch_checkpoint.hpp"

#include <cstring>
#include <utility>

#include "torch_storage.hpp"
#include "zip.hpp"

namespace partita::io {
namespace {

using pickle::as;
using pickle::Value;
using Storages = std::map<std::string, torch::Tensor>;

// pickle.dumps(0x1950a86a20f9469cfc6c, protocol=2): what files before PyTorch 1.6 begin with.
constexpr std::string_view kLegacyMagic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
constexpr std::int64_t kLegacyProtocol = 1001;
constexpr int kDeepest = 32;
constexpr std::size_t kLongestName = 1000;
constexpr std::size_t kMostValues = 1'000'000;

/// Names every tensor below a value.
class Collector {
 public:
  Collector(const Storages& storages, const std::string& file) : storages_(storages), file_(file) {}

  TensorMap collect(const Value& value) {
    walk(value, {}, 0);
    if (tensors_.empty()) fail<IoError>("'{}' holds no tensors", file_);
    return std::move(tensors_);
  }

 private:
  void walk(const Value& value, const std::string& name, int depth) {
    if (depth > kDeepest) fail<IoError>("'{}': '{:.80}' is nested too deep", file_, name);
    if (++values_ > kMostValues) fail<IoError>("'{}' holds more than {} values", file_, kMostValues);
    if (const auto* call = as<pickle::Call>(value)) {
      if (!tensors_.emplace(name, make_tensor(*call, storages_, name, file_)).second) {
        fail<IoError>("'{}' holds two tensors called '{:.200}'", file_, name);
      }
    } else if (const auto* dictionary = as<pickle::Dictionary>(value)) {
      for (const auto& [key, below] : dictionary->items) walk(below, joined(name, key), depth + 1);
    } else if (const auto* sequence = as<pickle::Sequence>(value)) {
      std::int64_t index = 0;
      for (const Value& below : sequence->items) walk(below, joined(name, index++), depth + 1);
    }
  }

  [[nodiscard]] std::string joined(const std::string& name, const Value& key) const {
    std::string text;
    if (const auto* word = as<std::string_view>(key)) {
      text = *word;
    } else if (const auto* number = as<std::int64_t>(key)) {
      text = std::to_string(*number);
    } else {
      fail<IoError>("'{}': a name below '{:.200}' is {}: expected a text or an integer", file_, name,
                    pickle::describe(key));
    }
    if (name.size() + text.size() > kLongestName)
      fail<IoError>("'{}': '{:.80}' is too long a name", file_, text);
    return name.empty() ? text : name + "." + text;
  }

  const Storages& storages_;
  const std::string& file_;
  TensorMap tensors_;
  std::size_t values_ = 0;
};

/// Since PyTorch 1.6: a ZIP archive of `<name>/data.pkl` and `<name>/data/<key>` for each storage.
TensorMap read_zip(const std::shared_ptr<const MappedFile>& file) {
  const ZipArchive archive(file->bytes(), file->name());
  const std::string name = archive.find("data.pkl");
  const std::string folder = name.substr(0, name.find('/') + 1);
  if (archive.contains(folder + "constants.pkl")) {
    fail<IoError>("'{}' is a TorchScript program: expected tensors alone (torch.save of a state_dict)",
                  file->name());
  }
  if (const std::string order = folder + "byteorder"; archive.contains(order)) {
    if (archive.read(order) != "little") fail<IoError>("'{}' is not little-endian", file->name());
  }
  std::string_view bytes = archive.read(name);
  const pickle::Document document(bytes, checkpoint_globals(), file->name());
  Storages storages;
  for (const auto& [key, type] : storage_types(document, file->name())) {
    const std::string_view data = archive.read(fmt::format("{}data/{}", folder, key));
    if (data.size() != type.bytes()) {
      fail<IoError>("'{}': storage '{}' needs {} bytes, its entry has {}; fetch or write it again",
                    file->name(), key, type.bytes(), data.size());
    }
    storages.emplace(key, make_storage(file, data, type));
  }
  return Collector(storages, file->name()).collect(document.value());
}

/// The storages of a file before PyTorch 1.6, in the order of `keys`: for each the count of its elements, 64
/// bits, and its bytes.
Storages read_legacy_storages(const std::shared_ptr<const MappedFile>& file, std::string_view bytes,
                              const std::map<std::string, StorageType>& types, const Value& keys) {
  const auto refuse = [&](const std::string& why) {
    fail<IoError>("'{}' is not a valid checkpoint: {}; fetch or write it again", file->name(), why);
  };
  const auto* list = as<pickle::Sequence>(keys);
  if (list == nullptr) refuse("expected the list of its storages, found " + pickle::describe(keys));
  Storages storages;
  for (const Value& item : list->items) {
    const auto* key = as<std::string_view>(item);
    const auto type = key == nullptr ? types.end() : types.find(std::string(*key));
    if (type == types.end()) refuse("its list of storages holds an unknown one");
    const std::uint64_t needed = sizeof(std::int64_t) + type->second.bytes();
    if (bytes.size() < needed) refuse(fmt::format("storage '{}' is cut off", *key));
    std::int64_t count = 0;
    std::memcpy(&count, bytes.data(), sizeof(count));
    if (count != type->second.size) {
      refuse(fmt::format("storage '{}' has {} elements, expected {}", *key, count, type->second.size));
    }
    const std::string_view data = bytes.substr(sizeof(count), type->second.bytes());
    if (!storages.emplace(type->first, make_storage(file, data, type->second)).second) {
      refuse(fmt::format("it lists storage '{}' twice", *key));
    }
    bytes.remove_prefix(needed);
  }
  if (storages.size() != types.size()) {
    refuse(fmt::format("it holds {} of {} storages", storages.size(), types.size()));
  }
  if (!bytes.empty()) refuse(fmt::format("{} bytes after the last storage belong to none", bytes.size()));
  return storages;
}

/// Whether the pickled description of the machine that wrote a file says that it was little-endian.
bool is_little_endian(const Value& system) {
  const auto* dictionary = as<pickle::Dictionary>(system);
  if (dictionary == nullptr) return false;
  for (const auto& [key, value] : dictionary->items) {
    if (key == Value(std::string_view("little_endian"))) return value == Value(true);
  }
  return false;
}

/// Before 1.6: five pickles (magic, protocol, system, object, keys of the storages), then the storages.
TensorMap read_legacy(const std::shared_ptr<const MappedFile>& file) {
  std::string_view bytes = file->bytes().substr(kLegacyMagic.size());
  const pickle::Document protocol(bytes, {}, file->name());
  if (protocol.value() != Value(kLegacyProtocol)) {
    fail<IoError>("'{}' has an unknown version of PyTorch's format: expected {}", file->name(),
                  kLegacyProtocol);
  }
  const pickle::Document system(bytes, {}, file->name());
  if (!is_little_endian(system.value())) fail<IoError>("'{}' is not little-endian", file->name());
  const pickle::Document document(bytes, checkpoint_globals(), file->name());
  const pickle::Document keys(bytes, {}, file->name());
  const Storages storages =
      read_legacy_storages(file, bytes, storage_types(document, file->name()), keys.value());
  return Collector(storages, file->name()).collect(document.value());
}

}  // namespace

TensorMap read_torch_checkpoint(const std::filesystem::path& path) {
  const auto file = std::make_shared<const MappedFile>(path);
  if (begins_like_zip(file->bytes())) return read_zip(file);
  if (file->bytes().starts_with(kLegacyMagic)) return read_legacy(file);
  fail<IoError>("'{}' is no PyTorch checkpoint: expected a file that torch.save wrote; fetch it again",
                path.string());
}

}  // namespace partita::io
