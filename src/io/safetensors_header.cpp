#include "safetensors_header.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace partita::io {
namespace {

using Json = nlohmann::json;
using Entry = SafetensorsFile::Entry;

constexpr std::size_t kMostDimensions = 64;  // LibTorch's own limit for most operations
constexpr std::string_view kMetadataKey = "__metadata__";

const std::array<std::pair<std::string_view, torch::Dtype>, 7> kDtypes = {{{"F32", torch::kFloat32},
                                                                           {"F16", torch::kFloat16},
                                                                           {"BF16", torch::kBFloat16},
                                                                           {"I64", torch::kInt64},
                                                                           {"I32", torch::kInt32},
                                                                           {"I16", torch::kInt16},
                                                                           {"U8", torch::kUInt8}}};

/// Checks one header; its members are what the messages need.
class HeaderParser {
 public:
  HeaderParser(std::uint64_t data_size, const std::string& file) : data_size_(data_size), file_(file) {}

  SafetensorsHeader parse(std::string_view text) const {
    SafetensorsHeader header;
    const Json json = parse_json(text);
    if (!json.is_object()) refuse("its header is JSON but no object");
    for (const auto& [name, value] : json.items()) {
      if (name == kMetadataKey) {
        header.metadata = parse_metadata(value);
      } else {
        header.entries.emplace(name, parse_entry(name, value));
      }
    }
    check_layout(header.entries);
    return header;
  }

 private:
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail<IoError>("'{}' is not a valid safetensors file: {}; fetch or write it again", file_,
                  fmt::format(format, std::forward<Args>(args)...));
  }

  /// nlohmann::json keeps the last of two equal keys silently, hence the callback.
  Json parse_json(std::string_view text) const {
    std::vector<std::set<std::string>> keys;
    const auto watch = [&](int /*depth*/, Json::parse_event_t event, const Json& value) {
      if (event == Json::parse_event_t::object_start) keys.emplace_back();
      if (event == Json::parse_event_t::object_end) keys.pop_back();
      if (event == Json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second) {
        refuse("the key '{}' stands twice in its header", value.get<std::string>());
      }
      return true;
    };
    try {
      return Json::parse(text.begin(), text.end(), watch);
    } catch (const Json::exception& error) {
      refuse("its header is not JSON ({})", error.what());
    }
  }

  StringMap parse_metadata(const Json& value) const {
    if (!value.is_object()) refuse("__metadata__ is no object of strings");
    StringMap metadata;
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) refuse("__metadata__ key '{}' is no string", key);
      metadata.emplace(key, text.get<std::string>());
    }
    return metadata;
  }

  const Json& field(const std::string& name, const Json& value, const char* key) const {
    const auto found = value.find(key);
    if (found == value.end()) refuse("tensor '{}' has no {}", name, key);
    return *found;
  }

  Entry parse_entry(const std::string& name, const Json& value) const {
    if (!value.is_object()) refuse("the entry of tensor '{}' is no object", name);
    Entry entry;
    entry.dtype = parse_dtype(name, field(name, value, "dtype"));
    const std::uint64_t bytes = parse_shape(name, field(name, value, "shape"), entry);
    std::tie(entry.begin, entry.end) = parse_offsets(name, field(name, value, "data_offsets"));
    if (entry.end - entry.begin != bytes) {
      refuse("tensor '{}' of shape {} needs {} bytes, its offsets hold {}", name, shape_text(entry.shape),
             bytes, entry.end - entry.begin);
    }
    return entry;
  }

  torch::Dtype parse_dtype(const std::string& name, const Json& value) const {
    if (!value.is_string()) refuse("the dtype of tensor '{}' is no string", name);
    const auto text = value.get<std::string>();
    const auto* found =
        std::find_if(kDtypes.begin(), kDtypes.end(), [&](const auto& known) { return known.first == text; });
    if (found == kDtypes.end()) {
      refuse("tensor '{}' has dtype '{}': expected F32, F16, BF16, I64, I32, I16 or U8", name, text);
    }
    return found->second;
  }

  /// Sets the shape and returns the tensor's size in bytes.
  std::uint64_t parse_shape(const std::string& name, const Json& value, Entry& entry) const {
    if (!value.is_array()) refuse("the shape of tensor '{}' is no array", name);
    if (value.size() > kMostDimensions) refuse("tensor '{}' has {} dimensions", name, value.size());
    // Strides are products that leave out zeros, so these must fit as well.
    auto stride = static_cast<std::int64_t>(c10::elementSize(entry.dtype));
    bool empty = false;
    for (const Json& size : value) {
      if (!size.is_number_unsigned()) {
        refuse("the shape of tensor '{}' holds {}: expected whole numbers, 0 or more", name, size.dump());
      }
      const auto wide = size.get<std::uint64_t>();
      if (wide > INT64_MAX ||
          __builtin_mul_overflow(stride, std::max<std::int64_t>(static_cast<std::int64_t>(wide), 1),
                                 &stride)) {
        refuse("the shape of tensor '{}' overflows", name);
      }
      empty = empty || wide == 0;
      entry.shape.push_back(static_cast<std::int64_t>(wide));
    }
    return empty ? 0 : static_cast<std::uint64_t>(stride);
  }

  std::pair<std::uint64_t, std::uint64_t> parse_offsets(const std::string& name, const Json& value) const {
    if (!value.is_array() || value.size() != 2 || !value[0].is_number_unsigned() ||
        !value[1].is_number_unsigned()) {
      refuse("the data_offsets of tensor '{}' are not two whole numbers, 0 or more", name);
    }
    const auto begin = value[0].get<std::uint64_t>();
    const auto end = value[1].get<std::uint64_t>();
    if (begin > end) refuse("the data_offsets of tensor '{}' are reversed: {} to {}", name, begin, end);
    if (end > data_size_) {
      refuse("tensor '{}' ends at byte {} of the data, which has {} bytes", name, end, data_size_);
    }
    return {begin, end};
  }

  void check_layout(const std::map<std::string, Entry>& entries) const {
    std::vector<std::tuple<std::uint64_t, std::uint64_t, std::string_view>> spans;
    spans.reserve(entries.size());
    for (const auto& [name, entry] : entries) spans.emplace_back(entry.begin, entry.end, name);
    std::sort(spans.begin(), spans.end());
    std::uint64_t position = 0;
    for (const auto& [begin, end, name] : spans) {
      if (begin < position) refuse("tensor '{}' overlaps another", name);
      if (begin > position) refuse("{} bytes before tensor '{}' belong to none", begin - position, name);
      position = end;
    }
    if (position != data_size_)
      refuse("{} bytes after the last tensor belong to none", data_size_ - position);
  }

  std::uint64_t data_size_;
  const std::string& file_;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, std::uint64_t data_size,
                                           const std::string& file) {
  return HeaderParser(data_size, file).parse(json);
}

std::optional<std::string> safetensors_dtype_name(torch::Dtype dtype) {
  for (const auto& [name, known] : kDtypes) {
    if (known == dtype) return std::string(name);
  }
  return std::nullopt;
}

std::string shape_text(c10::IntArrayRef shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

}  // namespace partita::io
