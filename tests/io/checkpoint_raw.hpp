#pragma once

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../src/io/crc.hpp"

/// The bytes of ZIP archives and pickles, faults and all.
namespace partita::io::raw {

template <class T>
std::string little(T value) {
  const auto bytes = std::bit_cast<std::array<char, sizeof(T)>>(value);
  return {bytes.data(), bytes.size()};
}
inline std::string u16(std::size_t value) { return little(static_cast<std::uint16_t>(value)); }
inline std::string u32(std::size_t value) { return little(static_cast<std::uint32_t>(value)); }

using Files = std::vector<std::pair<std::string, std::string>>;

/// A ZIP archive of stored files.
inline std::string zip(const Files& files) {
  std::string archive;
  std::string directory;
  for (const auto& [name, data] : files) {
    const std::string common = u16(20) + u16(0) + u16(0) + u32(0) + u32(crc32(data)) + u32(data.size()) +
                               u32(data.size()) + u16(name.size()) + u16(0);
    directory +=
        "PK\x01\x02" + u16(20) + common + u16(0) + u16(0) + u16(0) + u32(0) + u32(archive.size()) + name;
    archive += "PK\x03\x04" + common + name + data;
  }
  const std::string end = u16(0) + u16(0) + u16(files.size()) + u16(files.size()) + u32(directory.size()) +
                          u32(archive.size()) + u16(0);
  return archive + directory + "PK\x05\x06" + end;
}

inline std::string integer(std::int64_t value) { return std::string("\x8a\x08").append(little(value)); }
inline std::string text(std::string_view value) {
  return std::string("X").append(u32(value.size())).append(value);
}
inline std::string global(const std::string& module, const std::string& name) {
  return fmt::format("c{}\n{}\n", module, name);
}
inline std::string tuple(const std::vector<std::int64_t>& values) {
  std::string pickle = "(";
  for (const std::int64_t value : values) pickle += integer(value);
  return pickle + "t";
}
inline std::string storage(const std::string& type, const std::string& key, std::int64_t size) {
  return std::string("(") + text("storage") + global("torch", type) + text(key) + text("cpu") +
         integer(size) + "tQ";
}
inline std::string tensor(const std::string& storage, std::int64_t offset,
                          const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& strides) {
  return global("torch._utils", "_rebuild_tensor_v2") + "(" + storage + integer(offset) + tuple(shape) +
         tuple(strides) + "\x89" + global("collections", "OrderedDict") + ")RtR";
}
inline std::string dictionary(const std::string& name, const std::string& value) {
  return fmt::format("}}{}{}s", text(name), value);
}
inline std::string pickle(const std::string& value) {
  return std::string("\x80\x02").append(value).append(".");
}

}  // namespace partita::io::raw
