#include "torch_storage.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "partita/io/error.hpp"
#include "safetensors_header.hpp"

namespace partita::io {
namespace {

using pickle::as;
using pickle::Global;
using pickle::Sequence;
using pickle::Value;

constexpr std::size_t kMostStorageDimensions = 64;
constexpr std::int64_t kMostElements = INT64_MAX / 8;  // their bytes can be counted
constexpr Global kRebuildTensor{"torch._utils", "_rebuild_tensor_v2"};
constexpr Global kRebuildParameter{"torch._utils", "_rebuild_parameter"};

const std::array<std::pair<Global, torch::Dtype>, 10> kStorages = {{
    {{"torch", "DoubleStorage"}, torch::kFloat64},
    {{"torch", "FloatStorage"}, torch::kFloat32},
    {{"torch", "HalfStorage"}, torch::kFloat16},
    {{"torch", "BFloat16Storage"}, torch::kBFloat16},
    {{"torch", "LongStorage"}, torch::kInt64},
    {{"torch", "IntStorage"}, torch::kInt32},
    {{"torch", "ShortStorage"}, torch::kInt16},
    {{"torch", "CharStorage"}, torch::kInt8},
    {{"torch", "ByteStorage"}, torch::kUInt8},
    {{"torch", "BoolStorage"}, torch::kBool},
}};

/// How a tensor lies in its storage, in elements.
struct View {
  std::vector<std::int64_t> shape, strides;
  std::int64_t offset = 0;
};

std::optional<std::vector<std::int64_t>> whole_numbers(const Value& value) {
  const auto* sequence = as<Sequence>(value);
  if (sequence == nullptr || sequence->items.size() > kMostStorageDimensions) return std::nullopt;
  std::vector<std::int64_t> numbers;
  for (const Value& item : sequence->items) {
    const auto* number = as<std::int64_t>(item);
    if (number == nullptr || *number < 0) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

/// Why the view does not fit into a storage of `size` elements; empty if it does.
std::string misfit(const View& view, std::int64_t size) {
  // Products leave out zeros, so that strides computed from the shape fit as well.
  std::int64_t count = 1;
  std::int64_t last = view.offset;
  bool empty = false;
  bool overflow = false;
  for (std::size_t i = 0; i < view.shape.size(); ++i) {
    const std::int64_t extent = std::max<std::int64_t>(view.shape[i], 1);
    std::int64_t reach = 0;
    overflow = overflow || __builtin_mul_overflow(count, extent, &count) ||
               __builtin_mul_overflow(extent - 1, view.strides[i], &reach) ||
               __builtin_add_overflow(last, reach, &last);
    empty = empty || view.shape[i] == 0;
  }
  if (overflow || count > kMostElements) return fmt::format("shape {} overflows", shape_text(view.shape));
  if (empty) return {};
  if (last >= size) return fmt::format("it ends at element {} of a storage of {}", last, size);
  if (count > size) {
    return fmt::format("its {} elements overlap in a storage of {}", count, size);
  }
  return {};
}

/// ('storage', type, key, location, size[, None]).
std::pair<std::string, StorageType> parse_identity(const pickle::Persistent& outside,
                                                   const std::string& file) {
  const auto refuse = [&](const std::string& why) {
    fail<IoError>("'{}': a storage {}; fetch or write the checkpoint again", file, why);
  };
  const auto* parts = as<Sequence>(outside.identity);
  if (parts == nullptr || parts->items.size() < 5 || parts->items.size() > 6) refuse("has no known identity");
  const auto* word = as<std::string_view>(parts->items[0]);
  const auto* type = as<Global>(parts->items[1]);
  const auto* key = as<std::string_view>(parts->items[2]);
  const auto* size = as<std::int64_t>(parts->items[4]);
  if (word == nullptr || *word != "storage" || type == nullptr || key == nullptr || size == nullptr) {
    refuse("has no known identity");
  }
  if (parts->items.size() == 6 && as<std::monostate>(parts->items[5]) == nullptr) {
    refuse("is a view of another one, as PyTorch before 0.4 wrote it");
  }
  const auto* found =
      std::find_if(kStorages.begin(), kStorages.end(), [&](const auto& each) { return each.first == *type; });
  if (found == kStorages.end()) refuse("is of type " + pickle::describe(parts->items[1]));
  if (*size < 0 || *size > kMostElements) refuse(fmt::format("'{}' has {} elements", *key, *size));
  return {std::string(*key), {found->second, *size}};
}

}  // namespace

const std::vector<Global>& checkpoint_globals() {
  static const std::vector<Global> kGlobals = [] {
    std::vector<Global> globals{kRebuildTensor, kRebuildParameter};
    for (const auto& [global, dtype] : kStorages) globals.push_back(global);
    return globals;
  }();
  return kGlobals;
}

std::map<std::string, StorageType> storage_types(const pickle::Document& document, const std::string& file) {
  std::map<std::string, StorageType> types;
  for (const pickle::Persistent& outside : document.persistents()) {
    const auto [key, type] = parse_identity(outside, file);
    const auto [known, is_new] = types.emplace(key, type);
    if (!is_new && known->second != type) {
      fail<IoError>("'{}': storage '{}' is {} of {} elements, elsewhere {} of {}; fetch or write it again",
                    file, key, c10::toString(type.dtype), type.size, c10::toString(known->second.dtype),
                    known->second.size);
    }
  }
  return types;
}

torch::Tensor make_storage(const std::shared_ptr<const MappedFile>& file, std::string_view bytes,
                           const StorageType& type) {
  if (type.dtype == torch::kBool &&
      !std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == 0 || byte == 1; })) {
    fail<IoError>("'{}': a storage holds truth values other than 0 and 1; fetch or write it again",
                  file->name());
  }
  return mapped_tensor(file, bytes, {type.size}, type.dtype);
}

torch::Tensor make_tensor(const pickle::Call& call, const std::map<std::string, torch::Tensor>& storages,
                          const std::string& name, const std::string& file) {
  const auto refuse = [&](const std::string& why) {
    fail<IoError>("'{}': tensor '{:.200}': {}; fetch or write the checkpoint again", file, name, why);
  };
  const pickle::Call* rebuild = &call;
  if (call.function == kRebuildParameter && !call.arguments->items.empty()) {
    rebuild = as<pickle::Call>(call.arguments->items[0]);
  }
  if (rebuild == nullptr || rebuild->function != kRebuildTensor || rebuild->arguments->items.size() < 4) {
    refuse(pickle::describe(&call) + " with arguments that make no tensor");
  }
  const std::vector<Value>& arguments = rebuild->arguments->items;
  const auto* outside = as<pickle::Persistent>(arguments[0]);
  if (outside == nullptr) refuse("its storage is " + pickle::describe(arguments[0]));
  const auto* offset = as<std::int64_t>(arguments[1]);
  auto shape = whole_numbers(arguments[2]);
  auto strides = whole_numbers(arguments[3]);
  if (offset == nullptr || *offset < 0 || !shape || !strides || shape->size() != strides->size()) {
    refuse("its offset, shape and strides are not whole numbers, 0 or more, that belong together");
  }
  const View view{std::move(*shape), std::move(*strides), *offset};
  const torch::Tensor& storage = storages.at(parse_identity(*outside, file).first);
  if (const std::string why = misfit(view, storage.numel()); !why.empty()) refuse(why);
  if (c10::multiply_integers(view.shape) == 0) return torch::empty(view.shape, storage.options());
  return storage.as_strided(view.shape, view.strides, view.offset);
}

}  // namespace partita::io
