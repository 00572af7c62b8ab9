#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace partita::io {

/// SHA-256 (FIPS 180-4) as 64 lower-case hexadecimal digits.
[[nodiscard]] std::string sha256(std::string_view bytes);
[[nodiscard]] std::string sha256_file(const std::filesystem::path& path);

}  // namespace partita::io
