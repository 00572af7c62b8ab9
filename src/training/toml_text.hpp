#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace partita::training {

/// A TOML basic string, quotes and escapes included.
[[nodiscard]] std::string toml_string(std::string_view text);
/// A TOML array of strings.
[[nodiscard]] std::string toml_array(const std::vector<std::string>& texts);

}  // namespace partita::training
