#include "partita/decomposition/song.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>

#include "partita/base/interrupt.hpp"
#include "partita/base/random.hpp"
#include "partita/io/atomic_file.hpp"
#include "support/signals.hpp"
#include "support/tiny_model.hpp"

namespace partita::decomposition {
namespace {

using audio::ClipMode;
using audio::Container;
using audio::SampleFormat;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// What lies above zero and what lies below: stems that any stretch shows truly.
StemSource by_sign() {
  return {{"drums", "bass"},
          [](const torch::Tensor& samples, int) {
            return torch::stack({samples.clamp_min(0.0), samples.clamp_max(0.0)});
          },
          true};
}

/// Fixed shares of the song.
StemSource by_share(std::vector<double> shares) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < shares.size(); ++i) names.push_back(fmt::format("part{}", i));
  return {std::move(names),
          [shares = std::move(shares)](const torch::Tensor& samples, int) {
            std::vector<torch::Tensor> stems;
            for (const double share : shares) stems.push_back(samples * share);
            return torch::stack(stems);
          },
          true};
}

torch::Tensor noise(std::int64_t channels, std::int64_t samples, double peak = 0.9) {
  return (torch::rand({channels, samples}, make_generator(9, "song")) * 2.0 - 1.0) * peak;
}

/// Representable in 16 bits.
torch::Tensor in_16_bits(const torch::Tensor& samples) { return (samples * 32768.0).round() / 32768.0; }

class SeparateSong : public ::testing::Test {
 protected:
  SeparateSong() {
    options.output = folder / "out";
    options.format = SampleFormat::Float32;
    options.segment_seconds = 1.0;
    options.overlap_seconds = 0.2;
  }
  std::filesystem::path write(const torch::Tensor& samples, int rate, const std::string& name = "song.wav") {
    audio::write_waveform(folder / name, {samples, rate}, Container::Wav, SampleFormat::Float32);
    return folder / name;
  }
  SongResult run(const std::filesystem::path& song, StemSource source) {
    return separate_song(song, source, options, progress);
  }
  static torch::Tensor stems_of(const SongResult& result) {
    std::vector<torch::Tensor> stems;
    for (const auto& file : result.files) stems.push_back(audio::read_waveform(file).samples);
    return torch::stack(stems);
  }
  /// Runs what must throw `E` with `reason`, and finds only the song afterwards.
  template <class E = Error>
  void expect_refused(const std::filesystem::path& song, const StemSource& source,
                      const std::string& reason) {
    EXPECT_THAT([&] { (void)run(song, source); }, ThrowsMessage<E>(HasSubstr(reason)));
    EXPECT_EQ(folder.entries().size(), 1U);
  }

  support::TemporaryFolder folder;
  SongOptions options;
  Progress progress;
};

TEST_F(SeparateSong, AddsUpInEveryShape) {
  for (const int rate : {8000, 24000, 44100, 48000, 96000}) {
    for (const std::int64_t samples :
         {std::int64_t{1}, std::int64_t{2}, std::int64_t{1000}, std::int64_t{3} * rate}) {
      const std::int64_t channels = samples > 1000 ? 2 : 7;
      const torch::Tensor song = in_16_bits(noise(channels, samples));
      const auto file = write(song, rate);
      options.format = SampleFormat::Float32;
      const SongResult result = run(file, by_share({0.3, 0.5, 0.2}));
      EXPECT_EQ(result.frames, samples);
      EXPECT_EQ(result.sample_rate, rate);
      EXPECT_EQ(result.channels, channels);
      EXPECT_LE(result.residual, 1e-6);
      EXPECT_LE(distance(stems_of(result).sum(0, false, torch::kFloat64), song), 1e-6);
      options.format = SampleFormat::Int16;
      const torch::Tensor rounded = stems_of(run(file, by_share({0.3, 0.5, 0.2})));
      EXPECT_EQ(distance(rounded.sum(0, false, torch::kFloat64), song), 0.0) << rate << " Hz, " << samples;
    }
  }
}

TEST_F(SeparateSong, IntegersAddUpToOneStepForAnySong) {
  const torch::Tensor song = noise(2, 9000);
  const auto file = write(song, 8000);
  for (const auto format : {SampleFormat::Int16, SampleFormat::Int24}) {
    for (const auto container : {Container::Wav, Container::Flac}) {
      options.format = format;
      options.container = container;
      const torch::Tensor stems = stems_of(run(file, by_share({0.1, 0.2, 0.3, 0.4})));
      const double step = format == SampleFormat::Int16 ? 1.0 / 32768.0 : 1.0 / 8388608.0;
      EXPECT_LE(distance(stems.sum(0, false, torch::kFloat64), song), step);
    }
  }
}

TEST_F(SeparateSong, TrueStemsComeBack) {
  for (const double seconds : {0.01, 0.9, 1.0, 1.01, 3.3}) {
    const torch::Tensor song =
        (support::drums_like(seconds, 44100) + support::bass_like(seconds, 44100)).unsqueeze(0);
    const torch::Tensor stems = stems_of(run(write(song, 44100), by_sign()));
    EXPECT_LE(distance(stems[0], song.clamp_min(0.0)), 1e-6);
    EXPECT_LE(distance(stems[1], song.clamp_max(0.0)), 1e-6);
  }
}

TEST_F(SeparateSong, HoldsOneStretchAtATime) {
  auto lengths = std::make_shared<std::vector<std::int64_t>>();
  StemSource source = by_sign();
  source.separate = [lengths, inner = source.separate](const torch::Tensor& samples, int rate) {
    lengths->push_back(samples.size(1));
    return inner(samples, rate);
  };
  (void)run(write(noise(1, 80000), 8000), source);  // 10 s, a stretch each 0.8 s
  ASSERT_EQ(lengths->size(), 13U);
  for (std::size_t i = 0; i + 1 < lengths->size(); ++i) EXPECT_EQ((*lengths)[i], 8000);
  EXPECT_EQ(lengths->back(), 80000 - 12 * 6400);
}

TEST_F(SeparateSong, StretchesBeginOnWholeCodecFrames) {
  auto firsts = std::make_shared<std::vector<std::int64_t>>();
  StemSource source = by_sign();
  source.separate = [firsts, inner = source.separate](const torch::Tensor& samples, int rate) {
    firsts->push_back(std::llround(samples[0][0].item<double>() * 1e6));
    return inner(samples, rate);
  };
  options.segment_seconds = 0.777;
  const torch::Tensor ramp = torch::arange(60000, torch::kFloat64) / 1e6;  // tells where it was cut
  (void)run(write(ramp.to(torch::kFloat32).unsqueeze(0), 22050), source);
  ASSERT_GT(firsts->size(), 3U);
  for (const std::int64_t first : *firsts) EXPECT_EQ(first % 882, 0);  // 1/25 s
}

TEST_F(SeparateSong, NamesFollowTheTemplate) {
  options.filename = "{model}/{track}/{stem}.{ext}";
  options.model_name = "../model";
  options.container = Container::Flac;
  options.format = SampleFormat::Int16;
  const SongResult result = run(write(noise(1, 100), 8000, "a song. live.wav"), by_sign());
  EXPECT_EQ(result.names, (std::vector<std::string>{"drums", "bass"}));
  ASSERT_EQ(result.files.size(), 2U);
  EXPECT_EQ(result.files[0], folder / "out" / "_._model" / "a song. live" / "drums.flac");
  EXPECT_TRUE(std::filesystem::is_regular_file(result.files[1]));
  EXPECT_EQ(folder.entries().size(), 6U);
}

TEST_F(SeparateSong, RefusesTemplatesThatMakeNoSense) {
  const auto song = write(noise(1, 100), 8000);
  for (const char* name : {"{artist}/{stem}.{ext}", "{stem.wav", "stem}.wav", "{track}.wav", "../{stem}.wav",
                           "/tmp/{stem}.wav", "", "{stem}/"}) {
    options.filename = name;
    expect_refused<UsageError>(song, by_sign(), "file name");
  }
}

TEST_F(SeparateSong, NeverReplacesTheSong) {
  const auto song = write(noise(1, 100), 8000, "drums.wav");
  options.output = folder.path();
  expect_refused<UsageError>(song, by_sign(), "would replace the song");
}

TEST_F(SeparateSong, TwoStemsAreOneAndTheRest) {
  const torch::Tensor song = noise(2, 20000);
  const auto file = write(song, 8000);
  options.two_stems = "part1";
  const SongResult result = run(file, by_share({0.2, 0.5, 0.3}));
  EXPECT_EQ(result.names, (std::vector<std::string>{"part1", "no_part1"}));
  EXPECT_EQ(result.files[1].filename(), "no_part1.wav");
  const torch::Tensor stems = stems_of(result);
  EXPECT_LE(distance(stems[0], song * 0.5), 1e-6);
  EXPECT_LE(distance(stems.sum(0), song), 1e-6);
}

TEST_F(SeparateSong, RefusesAStemThatIsNotThere) {
  options.two_stems = "vocals";
  expect_refused<UsageError>(write(noise(1, 100), 8000), by_sign(), "no stem 'vocals', only drums, bass");
}

TEST_F(SeparateSong, ClipsAndCountsUnlessAskedToRescale) {
  const torch::Tensor song = in_16_bits(noise(1, 20000, 0.5));
  const auto file = write(song, 8000);
  options.format = SampleFormat::Int16;
  for (const ClipMode mode : {ClipMode::None, ClipMode::Clamp}) {
    options.clip_mode = mode;
    const SongResult result = run(file, by_share({3.0, -2.0}));
    EXPECT_NEAR(result.peak, 1.5, 0.01);
    EXPECT_GT(result.clipped, 5000);
    EXPECT_EQ(result.scale, 1.0);
    EXPECT_LE(stems_of(result).abs().max().item<double>(), 1.0);
  }
}

TEST_F(SeparateSong, RescalesAllStemsAlike) {
  const torch::Tensor song = in_16_bits(noise(2, 20000, 0.5));
  const auto file = write(song, 8000);
  options.clip_mode = ClipMode::Rescale;
  for (const auto format : {SampleFormat::Int16, SampleFormat::Int24}) {
    options.format = format;
    const SongResult result = run(file, by_share({3.0, -2.0}));
    EXPECT_EQ(result.clipped, 0);
    EXPECT_NEAR(result.scale * result.peak, 1.0, 1e-4);
    EXPECT_LE(distance(stems_of(result).sum(0, false, torch::kFloat64), song * result.scale), 1.0 / 32768.0);
    EXPECT_EQ(folder.entries().size(), 4U);  // the song, the folder, two stems
  }
}

TEST_F(SeparateSong, RescalesOnlyWhatNeedsIt) {
  const torch::Tensor song = in_16_bits(noise(1, 20000));
  const auto file = write(song, 8000);
  options.clip_mode = ClipMode::Rescale;
  options.format = SampleFormat::Int16;
  const SongResult quiet = run(file, by_sign());
  EXPECT_EQ(quiet.scale, 1.0);
  EXPECT_EQ(distance(stems_of(quiet).sum(0, false, torch::kFloat64), song), 0.0);
  options.format = SampleFormat::Float32;
  const SongResult floats = run(file, by_share({3.0, -2.0}));
  EXPECT_EQ(floats.scale, 1.0);
  EXPECT_GT(stems_of(floats).abs().max().item<double>(), 2.0);
}

TEST_F(SeparateSong, WritesMp3) {
  options.container = Container::Mp3;
  options.filename = "{stem}.{ext}";
  const SongResult result = run(write(noise(2, 66150), 44100), by_sign());
  EXPECT_EQ(result.files[0].filename(), "drums.mp3");
  EXPECT_EQ(audio::AudioReader(result.files[1]).info().channels, 2);
}

TEST_F(SeparateSong, LeavesNothingWhenTheSourceFails) {
  const auto song = write(noise(1, 40000), 8000);
  for (const ClipMode mode : {ClipMode::None, ClipMode::Rescale}) {
    options.clip_mode = mode;
    options.format = SampleFormat::Int16;
    options.filename = "{model}/{track}/{stem}.{ext}";
    StemSource source = by_sign();
    source.separate = [calls = 0, inner = source.separate](const torch::Tensor& samples, int rate) mutable {
      if (++calls == 4) fail<DecompositionError>("broke midway");
      return inner(samples, rate);
    };
    expect_refused<DecompositionError>(song, source, "broke midway");
  }
}

TEST_F(SeparateSong, LeavesNothingWhenInterrupted) {
  const auto song = write(noise(1, 40000), 8000);
  StemSource source = by_sign();
  source.separate = [calls = 0, inner = source.separate](const torch::Tensor& samples, int rate) mutable {
    if (++calls == 3) request_interrupt();
    return inner(samples, rate);
  };
  EXPECT_THROW((void)run(song, source), Interrupted);
  request_interrupt(false);
  EXPECT_EQ(folder.entries().size(), 1U);
}

TEST_F(SeparateSong, KeepsOlderStemsWhenItFails) {
  const auto song = write(noise(1, 40000), 8000);
  const SongResult before = run(song, by_sign());
  const std::string bytes = io::read_file(before.files[0]);
  StemSource source = by_share({0.5, 0.5});
  source.names = before.names;
  source.separate = [](const torch::Tensor&, int) -> torch::Tensor { fail<DecompositionError>("broke"); };
  EXPECT_THROW((void)run(song, source), DecompositionError);
  EXPECT_EQ(io::read_file(before.files[0]), bytes);
  EXPECT_EQ(folder.entries().size(), 4U);
}

TEST_F(SeparateSong, RefusesStemsThatCannotBe) {
  const auto song = write(noise(2, 1000), 8000);
  StemSource source = by_sign();
  source.separate = [](const torch::Tensor& samples, int) { return samples.unsqueeze(0); };
  expect_refused<DecompositionError>(song, source, "expected [2, 2, 1000], found [1, 2, 1000]");
  source.separate = [](const torch::Tensor& samples, int) {
    return torch::stack({samples, samples * std::numeric_limits<double>::quiet_NaN()});
  };
  expect_refused<DecompositionError>(song, source, "NaN or infinite");
  source.separate = [](const torch::Tensor& samples, int) { return torch::stack({samples, samples}); };
  expect_refused<DecompositionError>(song, source, "add up to the song");
  options.two_stems = "bass";
  source.separate = [](const torch::Tensor& samples, int) { return samples; };
  expect_refused<DecompositionError>(song, source, "expected [2, 2, 1000]");
}

TEST_F(SeparateSong, LeavesStemsThatNeedNotAddUpAlone) {
  const torch::Tensor song = noise(1, 12000);
  StemSource source = by_share({0.25, 0.25});
  source.adds_up = false;
  const SongResult result = run(write(song, 8000), source);
  EXPECT_NEAR(result.residual, 0.45, 0.01);
  EXPECT_LE(distance(stems_of(result)[1], song * 0.25), 1e-6);
}

TEST_F(SeparateSong, RefusesSongsWithoutSamples) {
  const auto song = write(torch::zeros({1, 0}), 8000);
  EXPECT_THROW((void)run(song, by_sign()), audio::AudioError);
  EXPECT_EQ(folder.entries().size(), 1U);
}

TEST_F(SeparateSong, RefusesStretchesShorterThanTheirOverlap) {
  const auto song = write(noise(1, 100), 8000);
  options.overlap_seconds = 1.0;
  expect_refused<UsageError>(song, by_sign(), "segment");
  options.overlap_seconds = -0.1;
  expect_refused<UsageError>(song, by_sign(), "segment");
}

TEST_F(SeparateSong, SeedsDecideTheBytes) {
  const support::TemporaryFolder model_folder;
  const io::ModelFolder model = tiny_model(model_folder);
  const torch::Tensor song = (support::drums_like(2.5, 44100) + support::bass_like(2.5, 44100)).unsqueeze(0);
  const auto file = write(song, 44100);
  options.format = SampleFormat::Int16;
  const auto bytes = [&](std::uint64_t seed) {
    SeparatorOptions separator_options;
    separator_options.steps = 2;
    separator_options.seed = seed;
    auto separator = std::make_shared<Separator>(model, separator_options);
    const StemSource source{
        separator->component_names(),
        [separator](const torch::Tensor& samples, int rate) { return separator->separate(samples, rate); },
        true};
    return io::read_file(run(file, source).files[0]);
  };
  const std::string first = bytes(1);
  EXPECT_TRUE(first == bytes(1));
  EXPECT_FALSE(first == bytes(2));
}

}  // namespace
}  // namespace partita::decomposition
