#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sndfile.h>
#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "audio/host/support.hpp"
#include "partita/audio/file.hpp"

namespace partita::audio {
namespace {

using test::audio_error;
using test::bytes_of;
using test::noise;
using test::put_bytes;
using test::TemporaryFolder;
using testing::AllOf;
using testing::HasSubstr;

std::string read_error(const std::filesystem::path& path) {
  return audio_error([&] { (void)read_waveform(path); });
}

std::string file_bytes(const TemporaryFolder& folder, Container container,
                       SampleFormat format = SampleFormat::Int16) {
  const auto path = folder / ("whole." + extension(container));
  write_waveform(path, {noise(2, 20000), 44100}, container, format);
  return bytes_of(path);
}

std::string ogg_bytes(const TemporaryFolder& folder) {
  const auto path = folder / "whole.ogg";
  SF_INFO info{};
  info.samplerate = 44100;
  info.channels = 1;
  info.format = SF_FORMAT_OGG | SF_FORMAT_VORBIS;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
  const auto samples = noise(1, 40000);
  sf_writef_float(file, samples.data_ptr<float>(), samples.size(1));
  sf_close(file);
  return bytes_of(path);
}

TEST(Corrupt, NothingToRead) {
  const TemporaryFolder folder;
  EXPECT_THAT(read_error(folder / "missing.wav"), AllOf(HasSubstr("missing.wav"), HasSubstr("no such file")));
  EXPECT_THAT(read_error(folder.path()), HasSubstr("folder"));
  put_bytes(folder / "empty.wav", "");
  EXPECT_THAT(read_error(folder / "empty.wav"), HasSubstr("empty (0 bytes)"));
  put_bytes(folder / "text.wav", "Dear diary, this is no audio at all.\n");
  EXPECT_THAT(read_error(folder / "text.wav"), AllOf(HasSubstr("text.wav"), HasSubstr("no audio")));
  EXPECT_THAT(read_error("/dev/null"), HasSubstr("not a regular file"));
}

TEST(Corrupt, TruncatedWav) {
  const TemporaryFolder folder;
  const auto bytes = file_bytes(folder, Container::Wav);
  put_bytes(folder / "cut.wav", bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(read_error(folder / "cut.wav"), AllOf(HasSubstr("truncated"), HasSubstr("of 80000 bytes")));
  put_bytes(folder / "header.wav", bytes.substr(0, 60));
  EXPECT_THROW((void)read_waveform(folder / "header.wav"), AudioError);
}

TEST(Corrupt, TruncatedFlac) {
  const TemporaryFolder folder;
  const auto bytes = file_bytes(folder, Container::Flac);
  put_bytes(folder / "cut.flac", bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(read_error(folder / "cut.flac"), AllOf(HasSubstr("truncated"), HasSubstr("of 20000 samples")));
  // Block-wise reading meets the same end.
  AudioReader reader(folder / "cut.flac");
  const auto message = audio_error([&] {
    while (reader.read(1000).size(1) > 0) {
    }
  });
  EXPECT_THAT(message, HasSubstr("of 20000 samples"));
}

TEST(Corrupt, TruncatedOgg) {
  const TemporaryFolder folder;
  const auto bytes = ogg_bytes(folder);
  put_bytes(folder / "cut.ogg", bytes.substr(0, bytes.size() * 6 / 10));
  EXPECT_THAT(read_error(folder / "cut.ogg"), HasSubstr("truncated"));
}

TEST(Corrupt, UnknownLengthsAreNoErrors) {
  const TemporaryFolder folder;
  const auto expected = file_bytes(folder, Container::Wav);
  const auto samples = read_waveform(folder / "whole.wav").samples;
  for (const std::string& length : {std::string("\xFF\xFF\xFF\xFF"), std::string("\x00\xF0\xFF\x7F", 4)}) {
    auto bytes = expected;
    bytes.replace(bytes.find("data") + 4, 4, length);
    put_bytes(folder / "streamed.wav", bytes);
    EXPECT_TRUE(torch::equal(read_waveform(folder / "streamed.wav").samples, samples));
  }
  // A FLAC written to a pipe: the 36 bits of its sample count are zero.
  auto flac = file_bytes(folder, Container::Flac);
  flac[21] = static_cast<char>(flac[21] & 0xF0);
  flac.replace(22, 4, 4, '\0');
  put_bytes(folder / "streamed.flac", flac);
  EXPECT_EQ(AudioReader(folder / "streamed.flac").info().frames, 20000);
  EXPECT_TRUE(torch::equal(read_waveform(folder / "streamed.flac").samples, samples));
}

TEST(Corrupt, HarmlessSurplusIsNoError) {
  const TemporaryFolder folder;
  const auto bytes = file_bytes(folder, Container::Wav);
  const auto samples = read_waveform(folder / "whole.wav").samples;
  put_bytes(folder / "tagged.wav", bytes + "LIST" + std::string("\4\0\0\0INFO", 8));
  EXPECT_TRUE(torch::equal(read_waveform(folder / "tagged.wav").samples, samples));
  // A writer that counted its header as samples.
  auto long_header = bytes;
  const auto size = static_cast<std::uint32_t>(80000 + 44);
  long_header.replace(bytes.find("data") + 4, 4, reinterpret_cast<const char*>(&size), 4);
  put_bytes(folder / "counted.wav", long_header);
  EXPECT_TRUE(torch::equal(read_waveform(folder / "counted.wav").samples, samples));
}

TEST(Corrupt, TruncatedMp3IsReadAsFarAsItGoes) {
  const TemporaryFolder folder;
  const auto bytes = file_bytes(folder, Container::Mp3);
  put_bytes(folder / "cut.mp3", bytes.substr(0, bytes.size() / 2));
  const auto samples = read_waveform(folder / "cut.mp3").samples;
  EXPECT_GT(samples.size(1), 5000);
  EXPECT_LT(samples.size(1), 20000);
}

TEST(Corrupt, AbsurdHeaders) {
  const TemporaryFolder folder;
  const auto bytes = file_bytes(folder, Container::Wav);
  const auto format = bytes.find("fmt ") + 8;
  const auto patched = [&](std::size_t offset, const std::string& value) {
    auto copy = bytes;
    copy.replace(format + offset, value.size(), value);
    put_bytes(folder / "absurd.wav", copy);
    return read_error(folder / "absurd.wav");
  };
  EXPECT_THAT(patched(4, std::string(4, '\0')), HasSubstr("absurd.wav"));             // 0 Hz
  EXPECT_THAT(patched(4, "\xFF\xFF\xFF\x7F"), HasSubstr("absurd.wav"));               // 2 GHz
  EXPECT_THAT(patched(4, std::string("\x40\x42\x0F\x00", 4)), HasSubstr("1000000"));  // 1 MHz
  EXPECT_THAT(patched(2, std::string("\0\0", 2)), HasSubstr("absurd.wav"));           // no channels
  EXPECT_THAT(patched(2, std::string("\x00\x02", 2)), HasSubstr("absurd.wav"));       // 512 channels
}

TEST(Corrupt, NonFiniteSamplesAreNamed) {
  const TemporaryFolder folder;
  const auto path = folder / "whole.wav";
  auto bytes = file_bytes(folder, Container::Wav, SampleFormat::Float32);
  const auto data = bytes.find("data") + 8;
  const auto patch = [&](float value, std::size_t frame, std::size_t channel) {
    auto copy = bytes;
    copy.replace(data + (frame * 2 + channel) * 4, 4, reinterpret_cast<const char*>(&value), 4);
    put_bytes(path, copy);
  };
  patch(std::numeric_limits<float>::quiet_NaN(), 11025, 1);
  EXPECT_THAT(read_error(path),
              AllOf(HasSubstr("not a number"), HasSubstr("channel 2"), HasSubstr("0.250000 s")));
  patch(-std::numeric_limits<float>::infinity(), 0, 0);
  EXPECT_THAT(read_error(path),
              AllOf(HasSubstr("infinite"), HasSubstr("channel 1"), HasSubstr("0.000000 s")));
  // The position counts from the start of the file, whatever the blocks.
  patch(std::numeric_limits<float>::quiet_NaN(), 11025, 1);
  AudioReader reader(path);
  EXPECT_EQ(reader.read(11000).size(1), 11000);
  EXPECT_THAT(audio_error([&] { (void)reader.read(100); }), HasSubstr("0.250000 s"));
}

/// Damaged files must be refused or give finite samples; never crash, hang or run out of memory.
void flip_and_read(const TemporaryFolder& folder, const std::string& bytes, const std::string& suffix,
                   unsigned seed) {
  std::mt19937 random(seed);
  const auto path = folder / ("flipped." + suffix);
  for (int trial = 0; trial < 60; ++trial) {
    auto copy = bytes;
    const std::size_t reach = trial % 2 == 0 ? std::min<std::size_t>(200, copy.size()) : copy.size();
    for (int flip = 0; flip <= trial % 7; ++flip) {
      copy[random() % reach] ^= static_cast<char>(1U << random() % 8);
    }
    put_bytes(path, copy);
    try {
      const auto waveform = read_waveform(path);
      EXPECT_TRUE(torch::isfinite(waveform.samples).all().item<bool>());
      EXPECT_GT(waveform.sample_rate, 0);
    } catch (const AudioError& error) {
      EXPECT_THAT(std::string(error.what()), HasSubstr("flipped." + suffix));
    }
  }
}

TEST(Corrupt, FlippedBitsAreRefusedOrFinite) {
  const TemporaryFolder folder;
  flip_and_read(folder, file_bytes(folder, Container::Wav), "wav", 1);
  flip_and_read(folder, file_bytes(folder, Container::Wav, SampleFormat::Float32), "wav", 2);
  flip_and_read(folder, file_bytes(folder, Container::Flac), "flac", 3);
  flip_and_read(folder, ogg_bytes(folder), "ogg", 4);
  flip_and_read(folder, file_bytes(folder, Container::Mp3), "mp3", 5);
}

}  // namespace
}  // namespace partita::audio
