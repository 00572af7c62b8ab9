#include "partita/io/event_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "../../src/io/crc.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/error.hpp"
#include "support/temporary_folder.hpp"

namespace partita::io {
namespace {

template <class Value>
Value taken(std::string_view& bytes) {
  Value value{};
  EXPECT_GE(bytes.size(), sizeof(value));
  std::memcpy(&value, bytes.data(), std::min(sizeof(value), bytes.size()));
  bytes.remove_prefix(std::min(sizeof(value), bytes.size()));
  return value;
}

std::uint64_t varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if (byte < 0x80) break;
  }
  return value;
}

/// A message of protocol buffers: the fields by number, as the bytes of their values.
std::map<std::uint64_t, std::string> message(std::string_view bytes) {
  std::map<std::uint64_t, std::string> fields;
  while (!bytes.empty()) {
    const std::uint64_t key = varint(bytes);
    std::uint64_t length = 0;
    if (key % 8 == 0) {
      fields[key / 8] = std::to_string(varint(bytes));
      continue;
    }
    if (key % 8 == 1) length = 8;
    if (key % 8 == 2) length = varint(bytes);
    if (key % 8 == 5) length = 4;
    EXPECT_LE(length, bytes.size());
    fields[key / 8] = bytes.substr(0, length);
    bytes.remove_prefix(std::min<std::size_t>(length, bytes.size()));
  }
  return fields;
}

std::uint32_t masked(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return (crc >> 15U | crc << 17U) + 0xa282ead8U;
}

/// The events of a file, whose lengths and data carry the right checksums.
std::vector<std::map<std::uint64_t, std::string>> events(const std::filesystem::path& path) {
  const std::string file = read_file(path);
  std::string_view rest = file;
  std::vector<std::map<std::uint64_t, std::string>> found;
  while (!rest.empty()) {
    const std::string_view head = rest.substr(0, 8);
    const auto length = taken<std::uint64_t>(rest);
    EXPECT_EQ(taken<std::uint32_t>(rest), masked(head));
    const std::string_view event = rest.substr(0, length);
    rest.remove_prefix(std::min<std::size_t>(length, rest.size()));
    EXPECT_EQ(taken<std::uint32_t>(rest), masked(event));
    found.push_back(message(event));
  }
  return found;
}

std::map<std::uint64_t, std::string> value_of(const std::map<std::uint64_t, std::string>& event) {
  return message(message(event.at(5)).at(1));
}

template <class Value>
Value number(std::string_view bytes) {
  return taken<Value>(bytes);
}

TEST(EventFile, HoldsScalarsAsTensorBoardReadsThem) {
  const support::TemporaryFolder folder;
  EventFile file(folder / "events", 41);
  EXPECT_THAT(file.path().filename().string(), testing::StartsWith("events.out.tfevents."));
  file.scalar(300, "validation/si_sdr", 9.25);
  const auto found = events(file.path());
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].at(3), "brain.Event:2");
  EXPECT_GT(number<double>(found[0].at(1)), 1.7e9);  // seconds since 1970
  EXPECT_EQ(found[1].at(2), "42");                   // what was logged from here on no longer counts
  EXPECT_EQ(message(found[1].at(7)).at(1), "1");
  EXPECT_EQ(found[2].at(2), "300");
  EXPECT_EQ(value_of(found[2]).at(1), "validation/si_sdr");
  EXPECT_EQ(number<float>(value_of(found[2]).at(2)), 9.25F);
}

TEST(EventFile, HoldsAudioAsWavAndImagesAsPng) {
  const support::TemporaryFolder folder;
  EventFile file(folder / "events", 0);
  file.audio(7, "drums", torch::tensor({0.0F, 0.5F, -2.0F}), 24000);
  file.image(7, "drums", torch::rand({300, 400}));
  const auto found = events(file.path());
  ASSERT_EQ(found.size(), 4U);
  auto audio = message(value_of(found[2]).at(6));
  EXPECT_EQ(number<float>(audio.at(1)), 24000.0F);
  EXPECT_EQ(audio.at(3), "3");
  EXPECT_EQ(audio.at(5), "audio/wav");
  ASSERT_EQ(audio.at(4).size(), 50U);
  EXPECT_EQ(audio.at(4).substr(0, 4) + audio.at(4).substr(8, 8), "RIFFWAVEfmt ");
  EXPECT_EQ(number<std::int16_t>(audio.at(4).substr(46)), 16384);
  EXPECT_EQ(number<std::int16_t>(audio.at(4).substr(48)), -32767);  // clipped, not wrapped
  const auto image = message(value_of(found[3]).at(4));
  EXPECT_EQ(image.at(1), "300");
  EXPECT_EQ(image.at(2), "400");
  EXPECT_THAT(image.at(4), testing::StartsWith("\x89PNG\r\n"));
}

TEST(EventFile, FilesOfOneFolderHaveNamesOfTheirOwn) {
  const support::TemporaryFolder folder;
  const EventFile one(folder / "events", 0);
  const EventFile two(folder / "events", 0);
  EXPECT_NE(one.path(), two.path());
}

TEST(EventFile, AFolderThatCannotBeWrittenIsAnError) {
  const support::TemporaryFolder folder;
  write_file(folder / "events", "a file");
  EXPECT_THROW(EventFile(folder / "events", 0), IoError);
}

}  // namespace
}  // namespace partita::io
