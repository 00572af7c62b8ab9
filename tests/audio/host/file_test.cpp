#include "partita/audio/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sndfile.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "audio/host/support.hpp"

namespace partita::audio {
namespace {

using test::audio_error;
using test::noise;
using test::TemporaryFolder;
using testing::HasSubstr;

struct Kind {
  Container container;
  SampleFormat format;
  int bits;
  double step;  ///< distance of neighbouring sample values; 0 for float
};

void PrintTo(const Kind& kind, std::ostream* out) {
  *out << extension(kind.container) << ' ' << kind.bits << " bits";
}

const std::vector<Kind> kLossless{
    {Container::Wav, SampleFormat::Int16, 16, 1.0 / 32768},
    {Container::Wav, SampleFormat::Int24, 24, 1.0 / 8388608},
    {Container::Wav, SampleFormat::Float32, 32, 0.0},
    {Container::Flac, SampleFormat::Int16, 16, 1.0 / 32768},
    {Container::Flac, SampleFormat::Int24, 24, 1.0 / 8388608},
};

/// Writes with libsndfile itself, as other programs do.
void write_sndfile(const std::filesystem::path& path, int format, const torch::Tensor& samples,
                   int rate = 44100) {
  SF_INFO info{};
  info.samplerate = rate;
  info.channels = static_cast<int>(samples.size(0));
  info.format = format;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
  ASSERT_NE(file, nullptr) << sf_strerror(nullptr);
  const auto interleaved = samples.t().contiguous();
  EXPECT_EQ(sf_writef_float(file, interleaved.data_ptr<float>(), samples.size(1)), samples.size(1));
  sf_close(file);
}

double snr(const torch::Tensor& expected, const torch::Tensor& found) {
  const auto error = (found - expected).square().sum().item<double>();
  return 10.0 * std::log10(expected.square().sum().item<double>() / error);
}

class Lossless : public testing::TestWithParam<std::tuple<Kind, int, int>> {};

TEST_P(Lossless, RoundTripIsExact) {
  const auto& [kind, channels, length] = GetParam();
  const TemporaryFolder folder;
  const auto path = folder / ("a." + extension(kind.container));
  const auto samples = noise(channels, length);
  write_waveform(path, {samples, 32000}, kind.container, kind.format);

  const AudioReader reader(path);
  EXPECT_EQ(reader.info().sample_rate, 32000);
  EXPECT_EQ(reader.info().channels, channels);
  EXPECT_EQ(reader.info().frames, length);
  EXPECT_EQ(reader.info().bits, kind.bits);
  EXPECT_EQ(reader.info().format, extension(kind.container));

  const auto once = read_waveform(path).samples;
  ASSERT_EQ(once.sizes(), samples.sizes());
  EXPECT_LE((once - samples).abs().max().item<double>(), kind.step / 2);

  // What was read and is written again gives the same bytes.
  const auto second = folder / ("b." + extension(kind.container));
  write_waveform(second, {once, 32000}, kind.container, kind.format);
  EXPECT_TRUE(torch::equal(read_waveform(second).samples, once));
  EXPECT_EQ(test::bytes_of(second), test::bytes_of(path));
}

INSTANTIATE_TEST_SUITE_P(File, Lossless,
                         testing::Combine(testing::ValuesIn(kLossless), testing::Values(1, 2, 7),
                                          testing::Values(1, 2, 4097, 70001)));

class Mp3 : public testing::TestWithParam<std::tuple<int, int, int>> {};

TEST_P(Mp3, KeepsLengthAndSound) {
  const auto [channels, rate, length] = GetParam();
  const TemporaryFolder folder;
  const auto samples = test::tone(channels, length, rate);
  write_waveform(folder / "a.mp3", {samples, rate}, Container::Mp3, SampleFormat::Int16);
  AudioReader reader(folder / "a.mp3");
  EXPECT_EQ(reader.info().format, "mp3");
  EXPECT_EQ(reader.info().bits, 0);
  EXPECT_EQ(reader.info().channels, channels);
  EXPECT_EQ(reader.info().sample_rate, rate);
  const auto again = reader.read(length + 100000);
  ASSERT_EQ(again.sizes(), samples.sizes());
  EXPECT_EQ(reader.read(100).size(1), 0);
  if (length > 10000) {
    EXPECT_GT(snr(samples, again), 30.0);  // V0 of a tone at -60 dB noise, no time shift
  }
}

INSTANTIATE_TEST_SUITE_P(File, Mp3,
                         testing::Combine(testing::Values(1, 2), testing::Values(24000, 44100),
                                          testing::Values(1, 1153, 50001)));

TEST(File, OggAndAiffAreRead) {
  const TemporaryFolder folder;
  const auto samples = test::tone(2, 30001, 44100);
  write_sndfile(folder / "a.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, samples);
  write_sndfile(folder / "a.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, samples);
  write_sndfile(folder / "a.au", SF_FORMAT_AU | SF_FORMAT_PCM_16, samples);
  EXPECT_EQ(AudioReader(folder / "a.ogg").info().format, "ogg");
  EXPECT_EQ(AudioReader(folder / "a.ogg").info().bits, 0);
  EXPECT_EQ(AudioReader(folder / "a.aiff").info().format, "aiff");
  EXPECT_EQ(AudioReader(folder / "a.au").info().format, "au");
  EXPECT_EQ(read_waveform(folder / "a.ogg").samples.sizes(), samples.sizes());
  EXPECT_GT(snr(samples, read_waveform(folder / "a.ogg").samples), 15.0);
  EXPECT_LE((read_waveform(folder / "a.aiff").samples - samples).abs().max().item<double>(), 1.0 / 32768);
}

TEST(File, FloatKeepsWhatIsBeyondFullScale) {
  const TemporaryFolder folder;
  const auto samples = torch::tensor({{0.0F, 1.5F, -3.25F, 1e-30F, 1e6F}});
  write_waveform(folder / "a.wav", {samples, 44100}, Container::Wav, SampleFormat::Float32);
  EXPECT_TRUE(torch::equal(read_waveform(folder / "a.wav").samples, samples));
}

TEST(File, FloatFilesAreReproducible) {
  const TemporaryFolder folder;
  write_waveform(folder / "a.wav", {noise(2, 100), 44100}, Container::Wav, SampleFormat::Float32);
  // A PEAK chunk would hold the time of day.
  EXPECT_EQ(test::bytes_of(folder / "a.wav").find("PEAK"), std::string::npos);
}

TEST(File, IntegersRoundHalfAwayAndSaturate) {
  const TemporaryFolder folder;
  const float step = 1.0F / 32768;
  const auto samples = torch::tensor({{0.5F * step, -0.5F * step, 0.49F * step, 1.0F, -1.0F, 1.25F, -1.25F}});
  WriterOptions options;
  options.channels = 1;
  AudioWriter writer(folder / "a.wav", options);
  writer.write(samples);
  EXPECT_EQ(writer.clipped(), 2);  // 1.0 itself is full scale
  writer.commit();
  const auto expected = torch::tensor({{1.0F, -1.0F, 0.0F, 32767.0F, -32768.0F, 32767.0F, -32768.0F}}) * step;
  EXPECT_TRUE(torch::equal(read_waveform(folder / "a.wav").samples, expected));
}

TEST(File, BlocksEqualTheWhole) {
  const TemporaryFolder folder;
  const auto samples = noise(2, 30011);
  WriterOptions options;
  options.container = Container::Flac;
  options.format = SampleFormat::Int24;
  AudioWriter writer(folder / "a.flac", options);
  for (std::int64_t begin = 0; begin < samples.size(1); begin += 1777) {
    writer.write(samples.narrow(1, begin, std::min<std::int64_t>(1777, samples.size(1) - begin)));
  }
  writer.commit();
  AudioReader reader(folder / "a.flac");
  std::vector<torch::Tensor> parts;
  while (parts.empty() || parts.back().size(1) > 0) {
    parts.push_back(reader.read(991));
  }
  const auto joined = torch::cat(parts, 1);
  ASSERT_EQ(joined.sizes(), samples.sizes());
  EXPECT_LE((joined - samples).abs().max().item<double>(), 0.5 / 8388608);
  EXPECT_EQ(parts.back().sizes(), (std::vector<std::int64_t>{2, 0}));
}

TEST(File, SeekMovesToTheSample) {
  const TemporaryFolder folder;
  const auto samples = noise(2, 20000);
  for (const Container container : {Container::Wav, Container::Flac}) {
    const auto path = folder / ("a." + extension(container));
    write_waveform(path, {samples, 44100}, container, SampleFormat::Int16);
    const auto whole = read_waveform(path).samples;
    AudioReader reader(path);
    for (const std::int64_t frame : {15000, 3, 0, 19999, 20000, 7777}) {
      reader.seek(frame);
      const auto part = reader.read(100);
      ASSERT_EQ(part.size(1), std::min<std::int64_t>(100, 20000 - frame));
      EXPECT_TRUE(torch::equal(part, whole.narrow(1, frame, part.size(1))));
    }
    EXPECT_THROW(reader.seek(20001), AudioError);
    EXPECT_THROW(reader.seek(-1), AudioError);
    EXPECT_THROW((void)reader.read(-1), AudioError);
  }
}

TEST(File, SecondsLimitTheWhole) {
  const TemporaryFolder folder;
  write_waveform(folder / "a.wav", {noise(1, 1000), 100}, Container::Wav, SampleFormat::Int16);
  EXPECT_EQ(read_waveform(folder / "a.wav", 2.5).samples.size(1), 250);
  EXPECT_EQ(read_waveform(folder / "a.wav", 1e300).samples.size(1), 1000);
  EXPECT_EQ(read_waveform(folder / "a.wav").sample_rate, 100);
  EXPECT_THROW((void)read_waveform(folder / "a.wav", -1.0), AudioError);
  EXPECT_THROW((void)read_waveform(folder / "a.wav", std::nan("")), AudioError);
}

TEST(File, EmptyWavIsNoError) {
  const TemporaryFolder folder;
  write_waveform(folder / "a.wav", {torch::zeros({2, 0}), 44100}, Container::Wav, SampleFormat::Int16);
  AudioReader reader(folder / "a.wav");
  EXPECT_EQ(reader.info().frames, 0);
  EXPECT_EQ(reader.read(100).sizes(), (std::vector<std::int64_t>{2, 0}));
  for (const Container container : {Container::Flac, Container::Mp3}) {
    const auto message = audio_error([&] {
      write_waveform(folder / "b", {torch::zeros({2, 0}), 44100}, container, SampleFormat::Int16);
    });
    EXPECT_THAT(message, HasSubstr("no samples to write"));
  }
}

TEST(File, AppearsAtCommitOnly) {
  const TemporaryFolder folder;
  const auto path = folder / "deep/er/a.wav";
  {
    AudioWriter writer(path, {});
    writer.write(noise(2, 1000));
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(std::filesystem::is_empty(path.parent_path()));
  AudioWriter writer(path, {});
  writer.write(noise(2, 1000));
  AudioWriter moved(std::move(writer));
  moved.commit();
  EXPECT_EQ(AudioReader(path).info().frames, 1000);
  EXPECT_THROW(moved.commit(), AudioError);
  EXPECT_THROW(moved.write(noise(2, 1)), AudioError);
}

TEST(AudioFiles, AreFoundByTheirExtensions) {
  const TemporaryFolder folder;
  for (const char* name : {"b.wav", "a/c.FLAC", "a/b/d.aif", "a/.hidden.wav", "notes.txt", "wav"}) {
    std::filesystem::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << "any";
  }
  std::filesystem::create_directories(folder / "folder.wav");
  EXPECT_THAT(audio_files(folder.path()),
              testing::ElementsAre(folder / "a/b/d.aif", folder / "a/c.FLAC", folder / "b.wav"));
  EXPECT_TRUE(audio_files(folder / "folder.wav").empty());
  EXPECT_THROW((void)audio_files(folder / "nowhere"), AudioError);
  EXPECT_TRUE(has_audio_extension("song.Ogg"));
  EXPECT_FALSE(has_audio_extension("song"));
}

}  // namespace
}  // namespace partita::audio
