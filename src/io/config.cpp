#include "partita/io/config.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <sstream>
#include <type_traits>
#include <utility>

#include "config_text.hpp"
#include "partita/io/atomic_file.hpp"

namespace partita::io {

struct Config::Document {
  std::string name;
  std::string text;
  toml::table root;
  std::map<std::string, const toml::table*> tables;        // by dotted path
  std::map<std::string, std::set<std::string>> asked_for;  // keys by dotted path of their table

  void index(const toml::table& table, const std::string& path) {
    tables.emplace(path, &table);
    for (auto&& [key, node] : table) {
      if (const toml::table* below = node.as_table()) index(*below, join_key(path, key.str()));
    }
  }
};

/// A key as it was looked up; `node` is null where the file lacks it.
struct Config::Item {
  std::string path;
  const toml::node* node = nullptr;
  std::size_t line = 0;
};

namespace {

std::string shown(const toml::node& node) {
  std::ostringstream out;
  out << toml::toml_formatter{node};
  return out.str();
}

/// A table of one key with what a text says: TOML, or a string.
toml::table one_value(const std::string& text) {
  try {
    return toml::parse("value = " + text);
  } catch (const toml::parse_error&) {
    return toml::table{{"value", text}};
  }
}

/// A table's keys as they stand in the file (toml::table sorts them by name).
std::vector<std::string> names_in_order(const toml::table& table) {
  std::vector<std::pair<toml::source_position, std::string>> placed;
  placed.reserve(table.size());
  for (auto&& [key, node] : table) placed.emplace_back(key.source().begin, key.str());
  std::stable_sort(placed.begin(), placed.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  names.reserve(placed.size());
  for (auto& [position, name] : placed) names.push_back(std::move(name));
  return names;
}

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

/// "an integer", "a list of strings".
template <class T>
std::string type_words() {
  if constexpr (IsVector<T>::value) {
    using Element = typename T::value_type;
    if constexpr (std::is_same_v<Element, std::string>) return "a list of strings";
    return std::is_integral_v<Element> ? "a list of integers" : "a list of numbers";
  } else if constexpr (std::is_same_v<T, bool>) {
    return "true or false";
  } else if constexpr (std::is_same_v<T, std::string>) {
    return "a string";
  } else {
    return std::is_integral_v<T> ? "an integer" : "a number";
  }
}

/// The node's value, or nothing if it has another type or lies outside of T's range.
template <class T>
std::optional<T> scalar(const toml::node& node) {
  if constexpr (std::is_same_v<T, double>) {
    if (const auto* whole = node.as_integer()) return static_cast<double>(whole->get());
    const auto* number = node.as_floating_point();
    return number != nullptr && !std::isnan(number->get()) ? std::optional(number->get()) : std::nullopt;
  } else if constexpr (std::is_same_v<T, int>) {
    const auto* whole = node.as_integer();
    if (whole == nullptr || whole->get() < std::numeric_limits<int>::min() ||
        whole->get() > std::numeric_limits<int>::max()) {
      return std::nullopt;
    }
    return static_cast<int>(whole->get());
  } else {
    return node.value_exact<T>();
  }
}

}  // namespace

Config Config::load(const std::filesystem::path& path) { return parse(read_file(path), path.string()); }

Config Config::parse(std::string_view text, const std::string& name) {
  Config config;
  config.document_ = std::make_shared<Document>();
  config.document_->name = name;
  config.document_->text = text;
  try {
    config.document_->root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    fail<IoError>("'{}' line {}: not valid TOML: {}", name, error.source().begin.line, error.description());
  }
  config.document_->index(config.document_->root, "");
  return config;
}

Config::Item Config::item(const std::string& key) const {
  Item result;
  result.path = join_key(path_, key);
  if (document_ == nullptr) return result;
  document_->asked_for[path_].insert(key);
  const auto table = document_->tables.find(path_);
  if (table == document_->tables.end()) return result;
  const auto found = table->second->find(key);
  if (found == table->second->end()) return result;
  result.node = &found->second;
  result.line = found->first.source().begin.line;
  return result;
}

/// "'train.toml' line 3: key 'steps'".
std::string Config::place(const Item& item) const {
  const std::string name = document_ == nullptr ? "configuration" : document_->name;
  if (item.node == nullptr) return fmt::format("'{}': key '{}'", name, item.path);
  return fmt::format("'{}' line {}: key '{}'", name, item.line, item.path);
}

void Config::refuse(const Item& item, const std::string& expectation) const {
  if (item.node == nullptr) fail<IoError>("{} is missing: expected {}", place(item), expectation);
  fail<IoError>("{}: expected {}, found {}", place(item), expectation, shown(*item.node));
}

template <class T>
T Config::convert(const Item& item) const {
  if (item.node == nullptr) refuse(item, type_words<T>());
  if constexpr (IsVector<T>::value) {
    const toml::array* array = item.node->as_array();
    if (array == nullptr) refuse(item, type_words<T>());
    T values;
    values.reserve(array->size());
    for (const toml::node& element : *array) {
      auto value = scalar<typename T::value_type>(element);
      if (!value) refuse(item, type_words<T>());
      values.push_back(std::move(*value));
    }
    return values;
  } else {
    auto value = scalar<T>(*item.node);
    if (!value) refuse(item, type_words<T>());
    return std::move(*value);
  }
}

template <class T>
T Config::get(const std::string& key) const {
  return convert<T>(item(key));
}

template <class T>
T Config::get(const std::string& key, T fallback) const {
  const Item found = item(key);
  return found.node == nullptr ? std::move(fallback) : convert<T>(found);
}

bool Config::has(const std::string& key) const {
  if (document_ == nullptr) return false;
  const auto table = document_->tables.find(path_);
  return table != document_->tables.end() && table->second->contains(key);
}

Config Config::table(const std::string& key) const {
  const Item found = item(key);
  if (found.node != nullptr && !found.node->is_table()) refuse(found, "a table");
  Config below;
  below.document_ = document_;
  below.path_ = found.path;
  return below;
}

std::vector<std::string> Config::keys() const {
  if (document_ == nullptr) return {};
  const auto table = document_->tables.find(path_);
  if (table == document_->tables.end()) return {};
  return names_in_order(*table->second);
}

void Config::require(bool good, const std::string& key, const std::string& expectation) const {
  if (!good) refuse(item(key), expectation);
}

void Config::finish() const {
  if (document_ != nullptr) finish_table(path_);
}

void Config::finish_table(const std::string& table) const {
  const auto found = document_->tables.find(table);
  if (found == document_->tables.end()) return;
  const std::set<std::string>& known = document_->asked_for[table];
  for (const std::string& name : names_in_order(*found->second)) {
    const auto entry = found->second->find(name);
    const Item below{join_key(table, name), &entry->second, entry->first.source().begin.line};
    if (known.count(name) == 0) fail<IoError>("{} is unknown{}", place(below), did_you_mean(name, known));
    if (entry->second.is_table()) finish_table(below.path);
  }
}

Config Config::with(const std::string& path, const std::string& value) const {
  const std::string name = document_ == nullptr ? "configuration" : document_->name;
  toml::table root = document_ == nullptr ? toml::table() : document_->root;
  toml::table* below = &root;
  std::string key = path;
  for (auto dot = key.find('.'); dot != std::string::npos && below != nullptr; dot = key.find('.')) {
    below = below->insert(key.substr(0, dot), toml::table()).first->second.as_table();
    key.erase(0, dot + 1);
  }
  if (below == nullptr || key.empty() || path.front() == '.' || path.find("..") != std::string::npos) {
    fail<IoError>("'{}': key '{}': expected the path of a key in tables, such as training.seed", name, path);
  }
  const toml::table given = one_value(value);
  given.get("value")->visit([&](const auto& node) { below->insert_or_assign(key, node); });
  std::ostringstream text;
  text << root << '\n';
  return parse(text.str(), name);
}

std::string Config::text() const { return document_ == nullptr ? std::string() : document_->text; }

#define PARTITA_CONFIG_GET(T)                              \
  template T Config::get<T>(const std::string& key) const; \
  template T Config::get<T>(const std::string& key, T fallback) const;
PARTITA_CONFIG_GET(bool)
PARTITA_CONFIG_GET(int)
PARTITA_CONFIG_GET(std::int64_t)
PARTITA_CONFIG_GET(double)
PARTITA_CONFIG_GET(std::string)
PARTITA_CONFIG_GET(std::vector<int>)
PARTITA_CONFIG_GET(std::vector<std::int64_t>)
PARTITA_CONFIG_GET(std::vector<double>)
PARTITA_CONFIG_GET(std::vector<std::string>)
#undef PARTITA_CONFIG_GET

}  // namespace partita::io
