#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "partita/io/safetensors.hpp"

namespace partita::io {

/// What the JSON header of a safetensors file says.
struct SafetensorsHeader {
  std::map<std::string, SafetensorsFile::Entry> entries;
  StringMap metadata;
};

/// Reads and checks the JSON text of a header against the size of the data section.
/// Throws IoError naming `file` on the first fault.
[[nodiscard]] SafetensorsHeader parse_safetensors_header(std::string_view json, std::uint64_t data_size,
                                                         const std::string& file);

/// "F32" for torch::kFloat32 and so on; nothing for a dtype that files do not hold.
[[nodiscard]] std::optional<std::string> safetensors_dtype_name(torch::Dtype dtype);

/// "[2, 3]".
[[nodiscard]] std::string shape_text(c10::IntArrayRef shape);

}  // namespace partita::io
