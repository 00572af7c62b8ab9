#include "host/truncation.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "partita/audio/error.hpp"

namespace partita::audio {
namespace {

/// Some writers count the 44 bytes of the WAV header as audio; their files are whole.
constexpr std::uint64_t kHarmlessShortage = 44;
/// The largest Ogg page: 27 bytes of header, 255 segment lengths, 255 segments of 255 bytes.
constexpr std::uint64_t kLargestOggPage = 27 + 255 + 255 * 255;
constexpr int kMostChunks = 4096;

class Bytes {
 public:
  explicit Bytes(const std::filesystem::path& path)
      : stream_(path, std::ios::binary), size_(std::filesystem::file_size(path)) {}

  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// At most `count` bytes at `position`: fewer at the end of the file.
  std::string at(std::uint64_t position, std::uint64_t count) {
    if (position >= size_) {
      return {};
    }
    std::string bytes(std::min(count, size_ - position), '\0');
    stream_.clear();
    stream_.seekg(static_cast<std::streamoff>(position));
    stream_.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(stream_.gcount()));
    return bytes;
  }

 private:
  std::ifstream stream_;
  std::uint64_t size_;
};

std::uint64_t number(std::string_view bytes, bool big_endian) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    value = value << 8U | static_cast<unsigned char>(bytes[big_endian ? i : bytes.size() - 1 - i]);
  }
  return value;
}

/// Lengths that programs write when they stream and cannot know: all ones, or the largest signed
/// number, less a header (FFmpeg, SoX, GStreamer).
bool is_unknown_length(std::uint64_t length) {
  return length >= 0xFFFFFF00U || (length >= 0x7FFFF000U && length <= 0x7FFFFFFFU);
}

/// Walks the chunks of an IFF file to the one that holds the samples.
void require_whole_chunks(const std::filesystem::path& path, Bytes& file, std::string_view data_id,
                          bool big_endian) {
  std::uint64_t position = 12;
  std::uint64_t length64 = 0;
  for (int chunk = 0; chunk < kMostChunks; ++chunk) {
    const auto header = file.at(position, 8);
    if (header.size() < 8) {
      return;
    }
    const std::string_view id = std::string_view(header).substr(0, 4);
    std::uint64_t length = number(std::string_view(header).substr(4), big_endian);
    position += 8;
    if (id == "ds64") {
      length64 = number(file.at(position + 8, 8), big_endian);
    }
    if (id == data_id) {
      if (length == 0xFFFFFFFFU && length64 != 0) {
        length = length64;
      } else if (is_unknown_length(length)) {
        return;
      }
      const std::uint64_t present = file.size() - std::min(position, file.size());
      if (length > present + kHarmlessShortage) {
        fail<AudioError>("{}: truncated: only {} of {} bytes of audio are there; get the file again",
                         path.string(), present, length);
      }
      return;
    }
    position += length + length % 2;
  }
}

/// An Ogg stream knows no length, but its last page must be whole.
void require_whole_page(const std::filesystem::path& path, Bytes& file) {
  const std::uint64_t start = file.size() - std::min(file.size(), kLargestOggPage);
  const std::string tail = file.at(start, kLargestOggPage);
  const auto page = tail.rfind(std::string_view("OggS\0", 5));
  if (page == std::string::npos) {
    return;
  }
  const std::string_view bytes = std::string_view(tail).substr(page);
  std::size_t expected = 27;
  if (bytes.size() > 26) {
    const auto segments = static_cast<unsigned char>(bytes[26]);
    expected += segments;
    for (std::size_t i = 0; i < segments && 27 + i < bytes.size(); ++i) {
      expected += static_cast<unsigned char>(bytes[27 + i]);
    }
  }
  if (bytes.size() < expected) {
    fail<AudioError>("{}: truncated: only {} of {} bytes of its last Ogg page are there; get the file again",
                     path.string(), bytes.size(), expected);
  }
}

}  // namespace

void require_whole(const std::filesystem::path& path) {
  Bytes file(path);
  const auto magic = file.at(0, 4);
  if (magic == "RIFF" || magic == "RF64" || magic == "BW64") {
    require_whole_chunks(path, file, "data", false);
  } else if (magic == "RIFX") {
    require_whole_chunks(path, file, "data", true);
  } else if (magic == "FORM") {
    require_whole_chunks(path, file, "SSND", true);
  } else if (magic == "OggS") {
    require_whole_page(path, file);
  }
}

}  // namespace partita::audio
