#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace partita::io {

/// The dotted path of `key` below `table` ("" at the root); a key with other characters than
/// letters, digits, '_' and '-' is quoted.
[[nodiscard]] std::string join_key(const std::string& table, std::string_view key);

/// Levenshtein's distance.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// ": did you mean 'steps'?" for the nearest of `known` within two edits; else "; known keys: ...".
[[nodiscard]] std::string did_you_mean(std::string_view key, const std::set<std::string>& known);

}  // namespace partita::io
