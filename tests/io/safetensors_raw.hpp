#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace partita::io {

/// The bytes of a safetensors file with this header and data, faults and all.
inline std::string raw_safetensors(std::string_view header, std::string_view data, std::uint64_t length) {
  const auto start = std::bit_cast<std::array<char, 8>>(length);
  return std::string(start.data(), start.size()).append(header).append(data);
}

inline std::string raw_safetensors(std::string_view header, std::string_view data = {}) {
  return raw_safetensors(header, data, header.size());
}

}  // namespace partita::io
