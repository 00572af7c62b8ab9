#include "partita/io/event_file.hpp"

#include <unistd.h>

#include <chrono>
#include <cstring>
#include <system_error>

#include "crc.hpp"
#include "partita/io/error.hpp"
#include "png.hpp"

namespace partita::io {
namespace {

namespace fs = std::filesystem;

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

template <class Value>
std::string little_endian(Value value) {
  std::string bytes(sizeof(Value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(Value));
  return bytes;
}

// Protocol buffers' wire format: a key of field number and wire type, then the value.

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7U) bytes += static_cast<char>(value | 0x80U);
  return bytes + static_cast<char>(value);
}
std::string key(std::uint32_t field, std::uint32_t wire_type) { return varint(field << 3U | wire_type); }

std::string field(std::uint32_t number, std::int64_t value) {
  return key(number, 0) + varint(static_cast<std::uint64_t>(value));
}
std::string field(std::uint32_t number, double value) { return key(number, 1) + little_endian(value); }
std::string field(std::uint32_t number, float value) { return key(number, 5) + little_endian(value); }
std::string field(std::uint32_t number, std::string_view value) {
  return key(number, 2) + varint(value.size()) + std::string(value);
}

// The fields of Event, SessionLog, Summary, Summary.Value, Summary.Image and Summary.Audio.
constexpr std::uint32_t kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
constexpr std::uint32_t kStatus = 1;
constexpr std::int64_t kStart = 1;
constexpr std::uint32_t kValue = 1;
constexpr std::uint32_t kTag = 1, kSimpleValue = 2, kImage = 4, kAudio = 6;
constexpr std::uint32_t kHeight = 1, kWidth = 2, kColorspace = 3, kEncodedImage = 4;
constexpr std::int64_t kGrey = 1;
constexpr std::uint32_t kSampleRate = 1, kChannels = 2, kLength = 3, kEncodedAudio = 4, kContentType = 5;

std::string summary(std::string_view tag, const std::string& value) {
  return field(kSummary, field(kValue, field(kTag, tag) + value));
}

std::uint32_t masked(std::uint32_t crc) { return (crc >> 15U | crc << 17U) + 0xa282ead8U; }

/// A RIFF file of 16-bit samples, in memory.
std::string wav(const torch::Tensor& samples, int sample_rate) {
  const torch::Tensor words = (samples.detach().to(torch::kCPU, torch::kFloat32).clamp(-1.0, 1.0) * 32767.0)
                                  .round()
                                  .to(torch::kInt16)
                                  .contiguous();
  const std::string data(static_cast<const char*>(words.data_ptr()), words.nbytes());
  const auto rate = static_cast<std::uint32_t>(sample_rate);
  const auto u16 = [](std::uint16_t value) { return little_endian(value); };
  const auto size = [](std::size_t bytes) { return little_endian(static_cast<std::uint32_t>(bytes)); };
  const std::string format =
      u16(1) + u16(1) + little_endian(rate) + little_endian(2 * rate) + u16(2) + u16(16);
  return "RIFF" + size(20 + format.size() + data.size()) + "WAVEfmt " + size(format.size()) + format +
         "data" + size(data.size()) + data;
}

}  // namespace

EventFile::EventFile(const fs::path& folder, std::int64_t step) {
  std::error_code error;
  fs::create_directories(folder, error);
  for (auto seconds = static_cast<std::int64_t>(now());; ++seconds) {
    path_ = folder / fmt::format("events.out.tfevents.{}.{}", seconds, ::getpid());
    if (!fs::exists(path_, error)) break;
  }
  out_.open(path_, std::ios::binary);
  write(0, field(kFileVersion, "brain.Event:2"));
  write(step + 1, field(kSessionLog, field(kStatus, kStart)));
}

void EventFile::scalar(std::int64_t step, std::string_view tag, double value) {
  write(step, summary(tag, field(kSimpleValue, static_cast<float>(value))));
}

void EventFile::audio(std::int64_t step, std::string_view tag, const torch::Tensor& samples,
                      int sample_rate) {
  const std::string sound = field(kSampleRate, static_cast<float>(sample_rate)) +
                            field(kChannels, std::int64_t{1}) + field(kLength, samples.numel()) +
                            field(kEncodedAudio, wav(samples, sample_rate)) +
                            field(kContentType, "audio/wav");
  write(step, summary(tag, field(kAudio, sound)));
}

void EventFile::image(std::int64_t step, std::string_view tag, const torch::Tensor& levels) {
  const std::string picture = field(kHeight, levels.size(0)) + field(kWidth, levels.size(1)) +
                              field(kColorspace, kGrey) + field(kEncodedImage, encode_png(levels));
  write(step, summary(tag, field(kImage, picture)));
}

void EventFile::write(std::int64_t step, std::string_view what) {
  const std::string event = field(kWallTime, now()) + field(kStep, step) + std::string(what);
  const std::string length = little_endian(static_cast<std::uint64_t>(event.size()));
  out_ << length << little_endian(masked(crc32c(length))) << event << little_endian(masked(crc32c(event)));
  out_.flush();
  if (!out_) fail<IoError>("{}: cannot be written; check the disk and the folder's rights", path_.string());
}

}  // namespace partita::io
