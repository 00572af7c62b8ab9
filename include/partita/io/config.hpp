#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "partita/io/error.hpp"

namespace partita::io {

/// A table of a TOML configuration, read strictly: a wrong type, a missing required key and,
/// at `finish`, a key that nothing read are errors that name file, line and key. Copies share
/// the record of what was read.
class Config {
 public:
  static Config load(const std::filesystem::path& path);
  static Config parse(std::string_view text, const std::string& name = "configuration");

  /// Supported T: bool, std::int64_t, int, double, std::string and std::vector of these
  /// (but for bool). A number without a fraction is accepted as double.
  template <class T>
  [[nodiscard]] T get(const std::string& key) const;
  template <class T>
  [[nodiscard]] T get(const std::string& key, T fallback) const;
  [[nodiscard]] bool has(const std::string& key) const;

  /// A sub-table; an absent one reads as empty.
  [[nodiscard]] Config table(const std::string& key) const;
  /// The names of the direct sub-tables and keys, in file order.
  [[nodiscard]] std::vector<std::string> keys() const;

  /// Throws IoError if `good` is false, naming file, line and key: for range checks.
  void require(bool good, const std::string& key, const std::string& expectation) const;
  /// Throws IoError on the first key, in this table or below, that nothing has read.
  void finish() const;
  /// The whole document again, in which the key at a dotted path ("training.seed") has a value: TOML, or text
  /// that is none, which is a string; without the comments and the order of the text. Throws IoError for a
  /// path with an empty part or one that leads through another thing than a table.
  [[nodiscard]] Config with(const std::string& path, const std::string& value) const;
  /// The whole document as TOML text, as it is echoed into runs and checkpoints.
  [[nodiscard]] std::string text() const;

 private:
  struct Document;
  struct Item;

  /// Looks `key` up in this table and records that it was asked for.
  [[nodiscard]] Item item(const std::string& key) const;
  [[nodiscard]] Item required(const std::string& key) const;
  void finish_table(const std::string& table) const;
  [[nodiscard]] std::string place(const Item& item) const;
  [[noreturn]] void refuse(const Item& item, const std::string& expectation) const;
  template <class T>
  [[nodiscard]] T convert(const Item& item) const;

  std::shared_ptr<Document> document_;
  std::string path_;  ///< dotted path of this table; empty at the root
};

}  // namespace partita::io
