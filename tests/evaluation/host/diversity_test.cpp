#include "partita/evaluation/diversity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "partita/audio/file.hpp"
#include "partita/codec/mel_codec.hpp"
#include "partita/evaluation/ms_stft.hpp"
#include "partita/evaluation/si_metrics.hpp"
#include "support/signals.hpp"
#include "support/temporary_folder.hpp"

namespace partita::evaluation {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class Diversity : public ::testing::Test {
 protected:
  void write(const std::string& name, const torch::Tensor& samples,
             audio::Container container = audio::Container::Wav) const {
    fs::create_directories((folder_ / name).parent_path());
    const bool flac = container == audio::Container::Flac;
    audio::write_waveform(folder_ / name, {samples.unsqueeze(0), 24000}, container,
                          flac ? audio::SampleFormat::Int24 : audio::SampleFormat::Float32);
  }
  [[nodiscard]] std::vector<PartPair> pairs(std::uint64_t seed = 0) const {
    return pair_parts(folder_ / "real", folder_ / "generated", seed);
  }
  static DiversityFigures measure(const std::vector<PartPair>& pairs) {
    codec::MelCodec codec;
    Progress silent;
    return evaluate_diversity(codec, pairs, 0.0, 0, silent);
  }

  support::TemporaryFolder folder_;
};

torch::Tensor drums(std::uint64_t seed) { return support::drums_like(1.0, 24000, seed); }
torch::Tensor bass() { return support::bass_like(1.0, 24000); }

TEST_F(Diversity, PairsPartsByPathAndNumber) {
  for (const char* song : {"a", "b", "c"}) {
    write(fmt::format("real/{}/drums.wav", song), drums(1));
    write(fmt::format("real/{}/bass.wav", song), bass());
  }
  for (const char* name : {"a/drums.flac", "a/drums-2.flac", "b/bass_10.flac", "c/bass.3.flac"})
    write(fmt::format("generated/{}", name), bass(), audio::Container::Flac);
  const std::vector<PartPair> found = pairs();
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0].generated.filename(), "drums-2.flac");
  EXPECT_EQ(found[0].real, folder_ / "real" / "a" / "drums.wav");
  EXPECT_EQ(found[0].part, "drums");
  EXPECT_EQ(found[1].real, folder_ / "real" / "a" / "drums.wav");
  EXPECT_EQ(found[2].real, folder_ / "real" / "b" / "bass.wav");
  EXPECT_EQ(found[3].real, folder_ / "real" / "c" / "bass.wav");
  for (const auto& pair : found) {
    EXPECT_EQ(pair.random.filename(), pair.real.filename());
    EXPECT_NE(pair.random, pair.real);
  }
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(pairs()[i].random, found[i].random);
  std::set<fs::path> drawn;
  for (std::uint64_t seed = 0; seed < 20; ++seed) drawn.insert(pairs(seed)[0].random);
  EXPECT_EQ(drawn.size(), 2U);
}

TEST_F(Diversity, IsThatOfTheMeasures) {
  write("real/a/drums.wav", drums(1));
  write("real/b/drums.wav", drums(2));
  write("generated/a/drums.wav", drums(3).narrow(0, 0, 20000));
  const DiversityFigures found = measure(pairs());
  EXPECT_EQ(found.codec, "mel");
  ASSERT_EQ(found.rows.size(), 2U);
  EXPECT_EQ(found.rows[0].against, "real");
  EXPECT_EQ(found.rows[1].against, "random");
  codec::MelCodec codec;
  const auto cut = [](std::uint64_t seed) { return drums(seed).narrow(0, 0, 20000); };
  const auto latents = [&](std::uint64_t seed) { return codec.encode(cut(seed).reshape({1, 1, -1})); };
  EXPECT_NEAR(found.rows[0].mse.mean, (latents(3) - latents(1)).square().mean().item<double>(), 1e-6);
  EXPECT_NEAR(found.rows[1].mse.mean, (latents(3) - latents(2)).square().mean().item<double>(), 1e-6);
  EXPECT_NEAR(found.rows[0].ms_stft.mean, ms_stft_distance(cut(3), cut(1)), 1e-6);
  EXPECT_EQ(found.rows[0].mse.count, 1);
}

TEST_F(Diversity, OfTheRealPartsIsZero) {
  write("real/a/drums.wav", drums(1));
  write("real/b/drums.wav", bass());
  write("generated/a/drums.wav", drums(1));
  const DiversityFigures found = measure(pairs());
  EXPECT_EQ(found.rows[0].mse.mean, 0.0);
  EXPECT_EQ(found.rows[0].ms_stft.mean, 0.0);
  EXPECT_GT(found.rows[1].mse.mean, 0.0);
  EXPECT_GT(found.rows[1].ms_stft.mean, 1.0);
}

TEST_F(Diversity, LeavesSilentRealPartsOutAndCountsThem) {
  write("real/a/drums.wav", torch::zeros({24000}));
  write("real/b/drums.wav", drums(1));
  write("generated/a/drums.wav", drums(2));
  write("generated/b/drums.wav", torch::zeros({24000}));
  const DiversityFigures found = measure(pairs());
  EXPECT_EQ(found.rows[0].silent, 1);
  EXPECT_EQ(found.rows[0].mse.count, 1);
  EXPECT_EQ(found.rows[1].silent, 1);
  const io::Json json = to_json(found);
  EXPECT_EQ(json.at("codec"), "mel");
  EXPECT_EQ(json.at("rows")[0].at("silent"), 1);
  EXPECT_EQ(json.at("rows")[0].at("latent_mse").at("count"), 1);
  EXPECT_THAT(to_markdown(found), AllOf(HasSubstr("| drums | real |"), HasSubstr("| drums | random |")));
}

TEST_F(Diversity, OneSongHasNoRandomOthers) {
  write("real/drums.wav", drums(1));
  write("generated/drums.wav", drums(2));
  const DiversityFigures found = measure(pairs());
  EXPECT_EQ(found.rows[0].part, "all");
  EXPECT_EQ(found.rows[1].mse.count, 0);
  EXPECT_THAT(to_markdown(found), HasSubstr("| all | random | – | – | 0 | 0 |"));
}

TEST_F(Diversity, RefusesWhatHasNoPair) {
  write("real/a/drums.wav", drums(1));
  fs::create_directories(folder_ / "generated");
  EXPECT_THAT([&] { (void)pairs(); }, ThrowsMessage<EvaluationError>(HasSubstr("no audio files")));
  write("generated/a/piano-2.wav", drums(1));
  EXPECT_THAT([&] { (void)pairs(); },
              ThrowsMessage<EvaluationError>(AllOf(HasSubstr("piano-2.wav"), HasSubstr("a/piano.wav"))));
  fs::remove(folder_ / "generated/a/piano-2.wav");
  write("generated/a/drums.wav", drums(1).narrow(0, 0, 1000));
  EXPECT_THAT([&] { (void)measure(pairs()); },
              ThrowsMessage<EvaluationError>(AllOf(HasSubstr("drums.wav"), HasSubstr("1024 samples"))));
  fs::resize_file(folder_ / "generated/a/drums.wav", 300);
  EXPECT_THROW((void)measure(pairs()), audio::AudioError);
}

}  // namespace
}  // namespace partita::evaluation
