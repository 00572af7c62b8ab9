#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "partita/base/error.hpp"

namespace partita {

/// The values of an enumeration with the words that users call them by.
template <class Value, std::size_t count>
using NamedValues = std::array<std::pair<const char*, Value>, count>;

/// All words, in the table's order.
template <class Value, std::size_t count>
[[nodiscard]] std::vector<std::string> names_of(const NamedValues<Value, count>& table) {
  std::vector<std::string> names;
  names.reserve(count);
  for (const auto& [name, value] : table) names.emplace_back(name);
  return names;
}

/// The value of that name, where there is one.
template <class Value, std::size_t count>
[[nodiscard]] std::optional<Value> value_named(const NamedValues<Value, count>& table,
                                               const std::string& name) {
  for (const auto& [known, value] : table) {
    if (name == known) return value;
  }
  return std::nullopt;
}

/// Throws Error for a value that the table lacks.
template <class Value, std::size_t count>
[[nodiscard]] std::string name_of(const NamedValues<Value, count>& table, Value value) {
  for (const auto& [name, known] : table) {
    if (known == value) return name;
  }
  fail<Error>("value number {} has no name", static_cast<int>(value));
}

}  // namespace partita
