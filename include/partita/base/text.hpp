#pragma once

#include <algorithm>
#include <cctype>
#include <string>

namespace partita {

/// `text` with the letters A to Z made small.
[[nodiscard]] inline std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace partita
