#pragma once

#include <filesystem>
#include <string>

namespace partita::support {

/// A file of tests/golden.
[[nodiscard]] std::filesystem::path golden_path(const std::string& file);

/// A file of the source tree.
[[nodiscard]] std::filesystem::path source_path(const std::string& file);

}  // namespace partita::support
