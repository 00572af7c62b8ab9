#include "partita/recomposition/song.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partita/base/random.hpp"
#include "partita/decomposition/song.hpp"
#include "partita/io/atomic_file.hpp"
#include "support/tiny_prior.hpp"

namespace partita::recomposition {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class RecomposedSong : public testing::Test {
 protected:
  RecomposedSong() {
    options.how.steps = 3;
    options.how.window_frames = 32;
    output.folder = folder / "out";
  }

  /// A file of noise in bursts.
  [[nodiscard]] fs::path song(double seconds, int rate = 44100, std::int64_t channels = 2,
                              audio::SampleFormat format = audio::SampleFormat::Int16) const {
    const auto samples = static_cast<std::int64_t>(seconds * rate);
    const torch::Tensor bursts = 0.3 * torch::randn({channels, samples}, make_generator(8, "song")) *
                                 (torch::arange(samples) % (rate / 4) < rate / 16).to(torch::kFloat32);
    audio::write_waveform(folder / "song.wav", {bursts.clamp(-1.0, 1.0), rate}, audio::Container::Wav,
                          format);
    return folder / "song.wav";
  }
  [[nodiscard]] Recomposer recomposer() const { return {model, options}; }
  static torch::Tensor samples(const fs::path& file) { return audio::read_waveform(file).samples; }

  support::TemporaryFolder folder;
  io::ModelFolder model = tiny_model_with_prior(folder);
  RecomposerOptions options;
  OutputOptions output;
  Progress silent;
};

TEST_F(RecomposedSong, VaryKeepsTheStemsThatSeparateWrites) {
  Recomposer made = recomposer();
  output.count = 2;
  const fs::path file = song(2.3);
  const std::vector<Recomposition> results = vary(made, file, {"drums"}, output, silent);
  decomposition::Separator separator(model, options.separator);
  decomposition::StemSource source{separator.component_names(), [&](const torch::Tensor& heard, int rate) {
                                     return separator.separate(heard, rate);
                                   }};
  decomposition::SongOptions stems;
  stems.output = folder / "separated";
  const decomposition::SongResult own = decomposition::separate_song(file, source, stems, silent);
  ASSERT_EQ(results.size(), 2U);
  for (const Recomposition& result : results) {
    EXPECT_EQ(result.channels, 2);
    EXPECT_EQ(result.sample_rate, 44100);
    EXPECT_EQ(result.frames, samples(file).size(1));
    ASSERT_EQ(result.parts.size(), 2U);
    EXPECT_TRUE(result.parts[0].made);
    EXPECT_FALSE(result.parts[1].made);
    EXPECT_EQ(io::read_file(result.parts[1].file), io::read_file(own.files[1])) << "kept to the sample";
    const torch::Tensor drums = samples(result.parts[0].file), bass = samples(result.parts[1].file);
    ASSERT_EQ(drums.sizes(), bass.sizes());
    // The files hold 16 bits.
    EXPECT_LE((samples(result.mix) - (drums + bass).clamp(-1.0, 1.0)).abs().max().item<double>(),
              1.01 / 32768);
    const double wanted = samples(own.files[0]).square().mean().sqrt().item<double>();
    const double found = drums.square().mean().sqrt().item<double>();
    EXPECT_LE(found, 1.01 * wanted);
    EXPECT_TRUE(found > 0.99 * wanted || drums.abs().max().item<double>() > 0.99)
        << "or full scale is reached";
  }
  EXPECT_NE(io::read_file(results[0].parts[0].file), io::read_file(results[1].parts[0].file));
}

TEST_F(RecomposedSong, TheSameSeedGivesTheSameBytes) {
  const auto mix = [&](std::uint64_t seed, const char* name) {
    options.separator.seed = seed;
    Recomposer made = recomposer();
    output.folder = folder / name;
    return io::read_file(generate(made, 1.5, output, silent).front().mix);
  };
  const std::string first = mix(1, "a");
  EXPECT_EQ(first, mix(1, "b"));
  EXPECT_NE(first, mix(2, "c"));
}

TEST_F(RecomposedSong, GenerateMakesEveryPartAtTheCodecsRate) {
  Recomposer made = recomposer();
  const Recomposition result = generate(made, 1.25, output, silent).front();
  EXPECT_EQ(result.frames, 30000);
  EXPECT_EQ(result.sample_rate, 24000);
  for (const Part& part : result.parts) {
    EXPECT_TRUE(part.made);
    EXPECT_EQ(samples(part.file).sizes(), (std::vector<std::int64_t>{1, 30000}));
  }
  for (const double seconds : {0.0, -1.0, 1e9, std::nan("")}) {
    EXPECT_THROW((void)generate(made, seconds, output, silent), UsageError);
  }
  output.count = 0;
  EXPECT_THROW((void)generate(made, 1.0, output, silent), UsageError);
}

TEST_F(RecomposedSong, AccompanyKeepsTheStemAsItIs) {
  Recomposer made = recomposer();
  const fs::path stem = song(1.1, 48000, 1, audio::SampleFormat::Int24);
  const Recomposition result = accompany(made, stem, "bass", output, silent).front();
  EXPECT_TRUE(result.parts[0].made);
  EXPECT_EQ(io::read_file(result.parts[1].file), io::read_file(stem));
  EXPECT_EQ(samples(result.parts[0].file).sizes(), samples(stem).sizes());
  const torch::Tensor sum = samples(result.parts[0].file) + samples(stem);
  EXPECT_LE((samples(result.mix) - sum.clamp(-1.0, 1.0)).abs().max().item<double>(), 1e-6);
}

TEST_F(RecomposedSong, PiecesOfALongSongAreThoseOfTheWhole) {
  // Latents of a stretch with its margins are those of the whole, wherever stretches meet (20 s).
  Recomposer made = recomposer();
  output.count = 1;
  const Recomposition result = vary(made, song(41.0, 8000, 1), {"drums", "bass"}, output, silent).front();
  EXPECT_EQ(result.frames, 41 * 8000);
  const torch::Tensor power = samples(result.mix).square().slice(1, 0, 41 * 8000).reshape({-1, 800}).mean(1);
  // No tenth of a second around the seams is silent or bursts, beside what happens elsewhere.
  const double low = power.min().item<double>(), high = power.max().item<double>();
  EXPECT_GT(low, 0.0);
  for (const std::int64_t seam : {200, 400}) {
    for (std::int64_t i = seam - 1; i <= seam + 1; ++i) {
      EXPECT_GE(power[i].item<double>(), 0.5 * low);
      EXPECT_LE(power[i].item<double>(), 2.0 * high);
    }
  }
}

TEST_F(RecomposedSong, BadInputGetsAClearError) {
  Recomposer made = recomposer();
  audio::write_waveform(folder / "silence.wav", {torch::zeros({1, 30000}), 24000}, audio::Container::Wav,
                        audio::SampleFormat::Int16);
  EXPECT_THAT([&] { (void)accompany(made, folder / "silence.wav", "drums", output, silent); },
              ThrowsMessage<RecompositionError>(HasSubstr("nothing but silence")));
  EXPECT_THAT([&] { (void)vary(made, song(1.0), {"piano"}, output, silent); },
              ThrowsMessage<UsageError>(HasSubstr("no component 'piano', only drums, bass")));
  EXPECT_THROW((void)vary(made, song(1.0), {}, output, silent), UsageError);
  EXPECT_THROW((void)vary(made, folder / "none.wav", {"drums"}, output, silent), audio::AudioError);
  EXPECT_FALSE(fs::exists(output.folder / "1"));
  EXPECT_THAT([&] { Recomposer(decomposition::tiny_model(folder), options); },
              ThrowsMessage<UsageError>(HasSubstr("has no prior")));
}

}  // namespace
}  // namespace partita::recomposition
