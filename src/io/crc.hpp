#pragma once

#include <cstdint>
#include <string_view>

namespace partita::io {

/// CRC-32 (ISO 3309, as in ZIP and PNG).
[[nodiscard]] std::uint32_t crc32(std::string_view bytes);

/// CRC-32C (Castagnoli, RFC 3720, as in TFRecord).
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes);

}  // namespace partita::io
