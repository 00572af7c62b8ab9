#include "crc.hpp"

#include <array>
#include <cstring>

namespace partita::io {
namespace {

using Tables = std::array<std::array<std::uint32_t, 256>, 4>;

constexpr Tables tables_of(std::uint32_t reflected_polynomial) {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1U ^ ((value & 1U) != 0 ? reflected_polynomial : 0U);
    tables[0][byte] = value;
  }
  for (std::size_t table = 1; table < tables.size(); ++table) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[table - 1][byte];
      tables[table][byte] = before >> 8U ^ tables[0][before & 0xffU];
    }
  }
  return tables;
}

std::uint32_t crc(const Tables& tables, std::string_view bytes) {
  std::uint32_t value = 0xffffffff;
  for (; bytes.size() >= 4; bytes.remove_prefix(4)) {
    std::uint32_t four = 0;
    std::memcpy(&four, bytes.data(), 4);
    value ^= four;
    value = tables[3][value & 0xffU] ^ tables[2][value >> 8U & 0xffU] ^ tables[1][value >> 16U & 0xffU] ^
            tables[0][value >> 24U];
  }
  for (const char byte : bytes)
    value = value >> 8U ^ tables[0][(value ^ static_cast<unsigned char>(byte)) & 0xffU];
  return ~value;
}

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
  static constexpr Tables kTables = tables_of(0xedb88320);
  return crc(kTables, bytes);
}

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr Tables kTables = tables_of(0x82f63b78);
  return crc(kTables, bytes);
}

}  // namespace partita::io
