#include "partita/codec/ecdc.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "partita/io/atomic_file.hpp"

namespace partita::codec {
namespace {

constexpr std::string_view kMagic = "ECDC";
constexpr std::size_t kStart = 9;  // magic, version, size of the header
constexpr std::uint32_t kLongestHeader = 1U << 16U;
constexpr unsigned kBits = 10;  // a code's
constexpr std::int64_t kCodes = 1 << kBits;
// Two months at 48 kHz: what passes it is no length.
constexpr std::int64_t kLongestAudio = std::int64_t{1} << 38;

/// What the codes of a model look like (encodec/model.py).
struct Layout {
  std::string_view model;
  std::int64_t sample_rate, hop;
  std::int64_t segment, stride;  ///< samples; 0: the whole sound
  bool has_scale;
  std::int64_t most_codebooks;
};
constexpr std::array<Layout, 2> kLayouts = {
    {{"encodec_24khz", 24000, 320, 0, 0, false, 32}, {"encodec_48khz", 48000, 320, 48000, 47520, true, 16}}};

const Layout& layout_of(const std::string& model) {
  const auto* found =
      std::find_if(kLayouts.begin(), kLayouts.end(), [&](const Layout& each) { return each.model == model; });
  if (found == kLayouts.end()) {
    fail<CodecError>("EnCodec model '{}' is unknown: expected encodec_24khz or encodec_48khz", model);
  }
  return *found;
}

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char byte : bytes) value = value << 8U | static_cast<unsigned char>(byte);
  return value;
}

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift & 0xffU));
  return bytes;
}

/// Takes a file's bytes from front to back.
class Reader {
 public:
  Reader(std::string_view bytes, std::string file) : rest_(bytes), file_(std::move(file)) {}

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail<CodecError>("'{}' is not a valid .ecdc file: {}", file_,
                     fmt::format(format, std::forward<Args>(args)...));
  }

  EcdcFile read() {
    EcdcFile file;
    file.header = header();
    const Layout& layout = layout_of(file.header.model);
    for (const std::int64_t length : lengths(file.header)) {
      EcdcFrame& frame = file.frames.emplace_back();
      if (layout.has_scale) frame.scale = scale();
      frame.codes = codes(file.header.codebooks, length);
    }
    if (!rest_.empty()) refuse("{} bytes after the last code belong to none", rest_.size());
    return file;
  }

 private:
  std::string_view take(std::size_t count, const char* what) {
    if (count > rest_.size()) refuse("it ends within {}: {} bytes are missing", what, count - rest_.size());
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  EcdcHeader header() {
    if (!rest_.starts_with(kMagic)) refuse("it does not begin with '{}'", kMagic);
    const std::string_view start = take(kStart, "its start");
    if (start[4] != 0)
      refuse("it has version {}: expected 0", static_cast<int>(static_cast<unsigned char>(start[4])));
    const std::uint32_t size = big_endian(start.substr(5));
    if (size > kLongestHeader) refuse("its header should be {} bytes long", size);
    return parse(nlohmann::json::parse(take(size, "its header"), nullptr, /*allow_exceptions=*/false));
  }

  EcdcHeader parse(const nlohmann::json& json) const {
    if (!json.is_object() || !json.contains("m") || !json["m"].is_string() || !json.contains("al") ||
        !json["al"].is_number_integer() || !json.contains("nc") || !json["nc"].is_number_integer() ||
        !json.contains("lm") || !json["lm"].is_boolean()) {
      refuse("its header is no JSON object with a model m, a length al, a count of codebooks nc and lm");
    }
    if (json["lm"].get<bool>()) {
      fail<CodecError>(
          "'{}' was written with EnCodec's language model, which is not supported: decode it with the "
          "official tool, or write it without --lm",
          file_);
    }
    EcdcHeader header{json["m"], json["al"], json["nc"]};
    const Layout& layout = layout_of(header.model);
    if (header.audio_length < 1 || header.audio_length > kLongestAudio) {
      refuse("it has {} samples", header.audio_length);
    }
    if (header.codebooks < 1 || header.codebooks > layout.most_codebooks) {
      refuse("it has {} codebooks: expected 1 to {}", header.codebooks, layout.most_codebooks);
    }
    return header;
  }

  /// The lengths of the frames, once it is sure that there are bytes for them.
  [[nodiscard]] std::vector<std::int64_t> lengths(const EcdcHeader& header) const {
    // Even the shortest frame takes a byte for each 320 samples.
    if (static_cast<std::uint64_t>(header.audio_length) / 320 > rest_.size()) {
      refuse("it ends within its codes: {} bytes are too few for {} samples", rest_.size(),
             header.audio_length);
    }
    return ecdc_frame_lengths(header.model, header.audio_length);
  }

  float scale() {
    const auto value = std::bit_cast<float>(big_endian(take(sizeof(float), "a scale")));
    if (!std::isfinite(value) || value < 0.0F) refuse("it has the scale {}", value);
    return value;
  }

  /// Codes of a frame stand together, lowest bits first.
  torch::Tensor codes(std::int64_t codebooks, std::int64_t length) {
    const auto bits = static_cast<std::uint64_t>(codebooks) * static_cast<std::uint64_t>(length) * kBits;
    const std::string_view packed = take((bits + 7) / 8, "its codes");
    torch::Tensor by_frame = torch::empty({length, codebooks}, torch::kInt64);
    auto* code = by_frame.data_ptr<std::int64_t>();
    const std::int64_t* const end = code + by_frame.numel();
    std::uint32_t waiting = 0;
    unsigned count = 0;
    for (const char byte : packed) {
      waiting |= static_cast<std::uint32_t>(static_cast<unsigned char>(byte)) << count;
      count += 8;
      if (count < kBits || code == end) continue;
      *code++ = waiting & (kCodes - 1);
      waiting >>= kBits;
      count -= kBits;
    }
    return by_frame.t().contiguous();
  }

  std::string_view rest_;
  std::string file_;
};

void append_codes(std::string& out, const torch::Tensor& codes) {
  const torch::Tensor by_frame = codes.t().contiguous();
  const auto* code = by_frame.data_ptr<std::int64_t>();
  std::uint32_t waiting = 0;
  unsigned count = 0;
  for (std::int64_t i = 0; i < by_frame.numel(); ++i) {
    waiting |= static_cast<std::uint32_t>(code[i]) << count;
    for (count += kBits; count >= 8; count -= 8, waiting >>= 8U)
      out.push_back(static_cast<char>(waiting & 0xffU));
  }
  if (count > 0) out.push_back(static_cast<char>(waiting));
}

/// As Python's json.dumps writes it.
std::string header_text(const EcdcHeader& header) {
  return fmt::format(R"({{"m": "{}", "al": {}, "nc": {}, "lm": false}})", header.model, header.audio_length,
                     header.codebooks);
}

void check(const EcdcFile& file) {
  const EcdcHeader& header = file.header;
  const Layout& layout = layout_of(header.model);
  const auto lengths = ecdc_frame_lengths(header.model, header.audio_length);
  if (header.codebooks < 1 || header.codebooks > layout.most_codebooks ||
      lengths.size() != file.frames.size()) {
    fail<CodecError>(
        "{} samples of {} with {} codebooks: expected {} frames and 1 to {} codebooks, found {} frames",
        header.audio_length, header.model, header.codebooks, lengths.size(), layout.most_codebooks,
        file.frames.size());
  }
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto& [codes, scale] = file.frames[i];
    if (!codes.defined() || codes.scalar_type() != torch::kInt64 ||
        codes.sizes() != torch::IntArrayRef({header.codebooks, lengths[i]}) ||
        codes.lt(0).logical_or(codes.ge(kCodes)).any().item<bool>()) {
      fail<CodecError>("frame {}: expected int64 codes [{}, {}] of 0 to {}", i, header.codebooks, lengths[i],
                       kCodes - 1);
    }
    if (scale.has_value() != layout.has_scale) {
      fail<CodecError>("frame {}: {} frames have {} scale", i, header.model, layout.has_scale ? "a" : "no");
    }
  }
}

}  // namespace

std::vector<std::int64_t> ecdc_frame_lengths(const std::string& model, std::int64_t audio_length) {
  const Layout& layout = layout_of(model);
  if (audio_length < 1 || audio_length > kLongestAudio) {
    fail<CodecError>("a sound of {} samples cannot be compressed", audio_length);
  }
  const std::int64_t segment = layout.segment > 0 ? layout.segment : audio_length;
  const std::int64_t stride = layout.stride > 0 ? layout.stride : audio_length;
  std::vector<std::int64_t> lengths;
  for (std::int64_t offset = 0; offset < audio_length; offset += stride) {
    const std::int64_t samples = std::min(audio_length - offset, segment);
    lengths.push_back((samples + layout.hop - 1) / layout.hop);
  }
  return lengths;
}

EcdcFile read_ecdc(const std::filesystem::path& path) {
  return Reader(io::read_file(path), path.string()).read();
}

void write_ecdc(const std::filesystem::path& path, const EcdcFile& file) {
  check(file);
  const std::string header = header_text(file.header);
  std::string bytes =
      std::string(kMagic) + '\0' + big_endian(static_cast<std::uint32_t>(header.size())) + header;
  for (const EcdcFrame& frame : file.frames) {
    if (frame.scale) bytes += big_endian(std::bit_cast<std::uint32_t>(*frame.scale));
    append_codes(bytes, frame.codes.cpu());
  }
  io::write_file(path, bytes);
}

}  // namespace partita::codec
