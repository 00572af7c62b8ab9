#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <torch/types.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "audio/host/support.hpp"
#include "partita/audio/file.hpp"

namespace partita::audio {
namespace {

using test::audio_error;
using test::noise;
using test::TemporaryFolder;
using testing::AllOf;
using testing::HasSubstr;

WriterOptions options_of(Container container, int channels, int rate,
                         SampleFormat format = SampleFormat::Int16) {
  WriterOptions options;
  options.sample_rate = rate;
  options.channels = channels;
  options.container = container;
  options.format = format;
  return options;
}

TEST(Writer, RefusesWhatContainersLack) {
  const TemporaryFolder folder;
  WriterOptions no_level = options_of(Container::Flac, 2, 44100);
  no_level.flac_level = 9;
  const std::vector<WriterOptions> wrong{
      no_level,
      options_of(Container::Mp3, 3, 44100),
      options_of(Container::Mp3, 2, 96000),
      options_of(Container::Flac, 9, 44100),
      options_of(Container::Flac, 2, 44100, SampleFormat::Float32),
      options_of(Container::Wav, 0, 44100),
      options_of(Container::Wav, 65, 44100),
      options_of(Container::Wav, 2, 0),
      options_of(Container::Wav, 2, 1000000),
  };
  for (const auto& options : wrong) {
    EXPECT_THAT(audio_error([&] { AudioWriter(folder / "x.out", options); }), HasSubstr("x.out"));
  }
  EXPECT_TRUE(folder.empty());
}

TEST(Writer, RefusesUnwritablePlaces) {
  const TemporaryFolder folder;
  test::put_bytes(folder / "file", "not a folder");
  EXPECT_THAT(audio_error([&] { AudioWriter(folder / "file/a.wav", {}); }), HasSubstr("file"));
  std::filesystem::create_directory(folder / "taken.wav");
  EXPECT_THAT(audio_error([&] { AudioWriter(folder / "taken.wav", {}); }), HasSubstr("folder"));
  EXPECT_THAT(audio_error([&] { AudioWriter("/proc/partita/a.wav", {}); }), HasSubstr("/proc/partita"));
}

TEST(Writer, RefusesWrongSamples) {
  const TemporaryFolder folder;
  AudioWriter writer(folder / "a.wav", {});
  EXPECT_THAT(audio_error([&] { writer.write(noise(1, 10)); }),
              AllOf(HasSubstr("[2, n]"), HasSubstr("[1, 10]")));
  EXPECT_THROW(writer.write(torch::zeros({2, 3, 4})), AudioError);
  EXPECT_THROW(writer.write(torch::zeros({2, 3}, torch::kInt32)), AudioError);
  auto samples = noise(2, 100);
  samples[1][50] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(audio_error([&] { writer.write(samples); }), HasSubstr("NaN"));
}

TEST(Writer, CountsClippedSamples) {
  const TemporaryFolder folder;
  const auto samples = torch::tensor({{0.5F, 1.0F, 1.5F, -1.0F, -2.0F, 0.0F}});
  AudioWriter integers(folder / "a.flac", options_of(Container::Flac, 1, 44100, SampleFormat::Int24));
  integers.write(samples);
  integers.write(samples);
  EXPECT_EQ(integers.clipped(), 4);
  AudioWriter floats(folder / "a.wav", options_of(Container::Wav, 1, 44100, SampleFormat::Float32));
  floats.write(samples);
  EXPECT_EQ(floats.clipped(), 0);
}

/// Runs `action` in a child whose files may hold at most `bytes`, which fails writes as a full disk
/// does, and returns the message of its AudioError.
template <class Action>
std::string with_little_space(rlim_t bytes, const std::filesystem::path& answer, Action&& action) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      action();
    } catch (const AudioError& error) {
      test::put_bytes(answer, error.what());
    } catch (...) {
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  return test::bytes_of(answer);
}

class FullDisk : public testing::TestWithParam<Container> {};

TEST_P(FullDisk, IsOneClearLineAndLeavesNothing) {
  const TemporaryFolder folder;
  const auto path = folder / ("a." + extension(GetParam()));
  const auto samples = noise(2, 200000);
  const auto message = with_little_space(20000, folder / "message", [&] {
    write_waveform(path, {samples, 44100}, GetParam(), SampleFormat::Int16);
  });
  EXPECT_THAT(message, AllOf(HasSubstr(path.string()), HasSubstr("no space left")));
  std::filesystem::remove(folder / "message");
  EXPECT_TRUE(folder.empty());
}

TEST_P(FullDisk, IsSeenWhileClosing) {
  const TemporaryFolder folder;
  const auto path = folder / ("a." + extension(GetParam()));
  // Less than one block of an encoder: nothing but the header is written before the end.
  const auto samples = noise(1, 1000);
  const auto message = with_little_space(600, folder / "message", [&] {
    write_waveform(path, {samples, 44100}, GetParam(), SampleFormat::Int16);
  });
  EXPECT_THAT(message, HasSubstr("no space left"));
  EXPECT_FALSE(std::filesystem::exists(path));
}

INSTANTIATE_TEST_SUITE_P(Writer, FullDisk, testing::Values(Container::Wav, Container::Flac, Container::Mp3),
                         [](const auto& kind) { return extension(kind.param); });

}  // namespace
}  // namespace partita::audio
