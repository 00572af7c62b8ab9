#include "png.hpp"

#include <algorithm>
#include <cstdint>

#include "crc.hpp"

namespace partita::io {
namespace {

constexpr std::size_t kLongestBlock = 65535;  // of stored data (RFC 1951, 3.2.4)

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xffU);
  return bytes;
}

std::string chunk(const std::string& type, const std::string& data) {
  return big_endian(static_cast<std::uint32_t>(data.size())) + type + data + big_endian(crc32(type + data));
}

std::uint32_t adler32(const std::string& bytes) {
  std::uint32_t low = 1, high = 0;
  for (const char byte : bytes) {
    low = (low + static_cast<unsigned char>(byte)) % 65521;
    high = (high + low) % 65521;
  }
  return high << 16U | low;
}

/// A zlib stream (RFC 1950) of stored blocks.
std::string stored(const std::string& bytes) {
  std::string stream = "\x78\x01";
  for (std::size_t at = 0; at < bytes.size(); at += kLongestBlock) {
    const std::size_t length = std::min(kLongestBlock, bytes.size() - at);
    const bool last = at + length == bytes.size();
    for (const std::size_t byte : {std::size_t{last}, length, length >> 8U, ~length, ~length >> 8U})
      stream += static_cast<char>(byte & 0xffU);
    stream.append(bytes, at, length);
  }
  return stream + big_endian(adler32(bytes));
}

}  // namespace

std::string encode_png(const torch::Tensor& levels) {
  const torch::Tensor grey = (levels.detach().to(torch::kCPU, torch::kFloat32).clamp(0.0, 1.0) * 255.0)
                                 .round()
                                 .to(torch::kUInt8)
                                 .contiguous();
  std::string rows;
  for (std::int64_t row = 0; row < grey.size(0); ++row) {
    rows += '\0';  // no filter
    rows.append(static_cast<const char*>(grey[row].data_ptr()), static_cast<std::size_t>(grey.size(1)));
  }
  const std::string eight_bit_grey("\x08\x00\x00\x00\x00", 5);
  const auto side = [](std::int64_t pixels) { return big_endian(static_cast<std::uint32_t>(pixels)); };
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", side(grey.size(1)) + side(grey.size(0)) + eight_bit_grey) +
         chunk("IDAT", stored(rows)) + chunk("IEND", "");
}

}  // namespace partita::io
