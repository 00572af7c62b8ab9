#include "zip.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "crc.hpp"
#include "partita/io/error.hpp"

namespace partita::io {
namespace {

// PKWARE's APPNOTE 6.3: sections 4.3.7 (local header), 4.3.12 (directory header), 4.3.16 (end of directory).
constexpr std::string_view kLocalMagic = "PK\x03\x04";
constexpr std::string_view kRecordMagic = "PK\x01\x02";
constexpr std::string_view kEndMagic = "PK\x05\x06";
constexpr std::size_t kLocalBytes = 30;
constexpr std::size_t kRecordBytes = 46;
constexpr std::size_t kEndBytes = 22;
constexpr std::size_t kLongestComment = 0xffff;
constexpr std::uint32_t kEncrypted = 1;
constexpr std::uint32_t kInZip64 = 0xffffffff;
constexpr std::uint32_t kCountInZip64 = 0xffff;

std::uint32_t number(std::string_view bytes, std::size_t position, std::size_t width) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + position, width);
  return value;
}
std::uint32_t u16(std::string_view bytes, std::size_t position) { return number(bytes, position, 2); }
std::uint32_t u32(std::string_view bytes, std::size_t position) { return number(bytes, position, 4); }

}  // namespace

bool begins_like_zip(std::string_view bytes) {
  return bytes.starts_with(kLocalMagic) || bytes.starts_with(kEndMagic);
}

struct ZipArchive::Directory {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint32_t count = 0;
};

template <class... Args>
void ZipArchive::refuse(fmt::format_string<Args...> format, Args&&... args) const {
  fail<IoError>("'{}' is not a valid ZIP archive: {}; fetch or write it again", file_,
                fmt::format(format, std::forward<Args>(args)...));
}

ZipArchive::ZipArchive(std::string_view bytes, std::string file) : bytes_(bytes), file_(std::move(file)) {
  const Directory directory = find_directory();
  std::string_view rest = bytes_.substr(directory.begin, directory.end - directory.begin);
  for (std::uint32_t i = 0; i < directory.count; ++i) {
    if (rest.size() < kRecordBytes || !rest.starts_with(kRecordMagic)) {
      refuse("entry {} of {} is missing from its directory", i + 1, directory.count);
    }
    const std::size_t name_size = u16(rest, 28);
    const std::size_t record_size = kRecordBytes + name_size + u16(rest, 30) + u16(rest, 32);
    if (record_size > rest.size()) refuse("entry {} passes the end of its directory", i + 1);
    const std::string_view name = rest.substr(kRecordBytes, name_size);
    const Entry entry{data_of(rest, name, directory.begin), u32(rest, 16)};
    if (!entries_.emplace(std::string(name), entry).second) refuse("it holds '{}' twice", name);
    rest.remove_prefix(record_size);
  }
  check_overlaps();
}

/// The end record stands at the end of the file, before a comment of at most 65535 bytes.
ZipArchive::Directory ZipArchive::find_directory() const {
  const std::size_t last = bytes_.size() < kEndBytes ? 0 : bytes_.size() - kEndBytes;
  const std::size_t first = last - std::min(last, kLongestComment);
  for (std::size_t position = bytes_.rfind(kEndMagic, last);
       position != std::string_view::npos && position >= first;
       position = position == 0 ? std::string_view::npos : bytes_.rfind(kEndMagic, position - 1)) {
    const std::string_view end = bytes_.substr(position);
    if (end.size() < kEndBytes || end.size() != kEndBytes + u16(end, 20)) continue;
    if (u16(end, 4) != 0 || u16(end, 6) != 0 || u16(end, 8) != u16(end, 10)) {
      refuse("it is one of several parts");
    }
    const Directory found{u32(end, 16), std::uint64_t{u32(end, 16)} + u32(end, 12), u16(end, 10)};
    if (found.begin == kInZip64 || found.count == kCountInZip64) {
      refuse("it is larger than 4 GiB or has more than 65534 entries (ZIP64)");
    }
    if (found.end > position) {
      refuse("its directory, bytes {} to {}, passes the directory's end record at {}", found.begin, found.end,
             position);
    }
    return found;
  }
  refuse("it has no directory at its end (a file that was cut off has none)");
}

std::string_view ZipArchive::data_of(std::string_view record, std::string_view name,
                                     std::uint64_t directory) const {
  if ((u16(record, 8) & kEncrypted) != 0) refuse("entry '{}' is encrypted", name);
  if (u16(record, 10) != 0) {
    refuse("entry '{}' is compressed (method {}): expected stored entries", name, u16(record, 10));
  }
  const std::uint64_t size = u32(record, 24);
  if (size == kInZip64 || u32(record, 42) == kInZip64)
    refuse("entry '{}' is larger than 4 GiB (ZIP64)", name);
  if (u32(record, 20) != size) {
    refuse("stored entry '{}' has {} bytes of {}", name, u32(record, 20), size);
  }
  const std::uint64_t begin = u32(record, 42);
  if (begin > directory || directory - begin < kLocalBytes ||
      !bytes_.substr(begin).starts_with(kLocalMagic)) {
    refuse("entry '{}' does not begin at byte {}", name, begin);
  }
  const std::string_view local = bytes_.substr(begin, directory - begin);
  const std::uint64_t data = std::uint64_t{kLocalBytes} + u16(local, 26) + u16(local, 28);
  if (data > local.size() || local.size() - data < size) {
    refuse("entry '{}' of {} bytes passes the start of the directory", name, size);
  }
  if (local.substr(kLocalBytes, u16(local, 26)) != name || u16(local, 8) != 0) {
    refuse("the header of entry '{}' contradicts the directory", name);
  }
  return local.substr(data, size);
}

void ZipArchive::check_overlaps() const {
  std::vector<std::pair<const char*, const std::string*>> begins;
  begins.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) begins.emplace_back(entry.data.data(), &name);
  std::sort(begins.begin(), begins.end());
  for (std::size_t i = 1; i < begins.size(); ++i) {
    const std::string_view before = entries_.at(*begins[i - 1].second).data;
    // A header of its own stands between the data of any two entries.
    if (begins[i].first - before.data() < static_cast<std::ptrdiff_t>(before.size() + kLocalBytes)) {
      refuse("entries '{}' and '{}' overlap", *begins[i - 1].second, *begins[i].second);
    }
  }
}

std::string ZipArchive::find(std::string_view file_name) const {
  const std::string* found = nullptr;
  for (const auto& [name, entry] : entries_) {
    const std::size_t slash = name.find('/');
    if (slash == std::string::npos || std::string_view(name).substr(slash + 1) != file_name) continue;
    if (found != nullptr) refuse("it holds both '{}' and '{}'", *found, name);
    found = &name;
  }
  if (found == nullptr) refuse("it holds no '{}'", file_name);
  return *found;
}

std::string_view ZipArchive::read(const std::string& name) const {
  const auto entry = entries_.find(name);
  if (entry == entries_.end()) refuse("it holds no '{}'", name);
  const std::uint32_t found = crc32(entry->second.data);
  if (found != entry->second.crc) {
    refuse("entry '{}' is damaged: its CRC-32 is {:08x}, the directory says {:08x}", name, found,
           entry->second.crc);
  }
  return entry->second.data;
}

}  // namespace partita::io
