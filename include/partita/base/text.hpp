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

/// What an error says without the stack trace that LibTorch puts below it.
[[nodiscard]] inline std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace partita
