#include "config_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <numeric>
#include <vector>

namespace partita::io {

std::string join_key(const std::string& table, std::string_view key) {
  const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-';
  });
  const std::string written = bare ? std::string(key) : fmt::format("\"{}\"", key);
  return table.empty() ? written : table + "." + written;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

std::string did_you_mean(std::string_view key, const std::set<std::string>& known) {
  constexpr std::size_t kNear = 2;
  if (known.empty()) return {};
  const auto nearest = std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
    return edit_distance(key, a) < edit_distance(key, b);
  });
  const std::size_t distance = edit_distance(key, *nearest);
  if (distance <= kNear && distance < key.size()) return fmt::format(": did you mean '{}'?", *nearest);
  return fmt::format("; known keys: {}", fmt::join(known, ", "));
}

}  // namespace partita::io
