#include "partita/codec/mel_codec.hpp"

#include <gtest/gtest.h>

#include "partita/audio/stft.hpp"
#include "partita/base/random.hpp"
#include "support/signals.hpp"

namespace partita::codec {
namespace {

/// Drums and bass together: `[1, 1, sample]` at 24 kHz.
torch::Tensor music(double seconds) {
  return 0.5 * (support::drums_like(seconds, 24000) + support::bass_like(seconds, 24000)).view({1, 1, -1});
}

double relative_error(const torch::Tensor& found, const torch::Tensor& expected) {
  return ((found - expected).norm() / expected.norm()).item<double>();
}

TEST(MelCodec, FramesAreTheSamplesOverTheHopRoundedUp) {
  MelCodec codec({.griffin_lim_iterations = 1});
  for (const std::int64_t samples : {1, 319, 320, 321, 168000}) {
    const torch::Tensor latents = codec.encode(0.1 * torch::ones({2, 1, samples}));
    const std::int64_t frames = (samples + 319) / 320;
    EXPECT_EQ(latents.sizes(), (std::vector<std::int64_t>{2, 128, frames})) << samples;
    EXPECT_EQ(codec.decode(latents).sizes(), (std::vector<std::int64_t>{2, 1, frames * 320})) << samples;
  }
  EXPECT_EQ(codec.frame_rate(), 75.0);
}

TEST(MelCodec, LatentsAreNonNegativeFiniteAndNeverEmptyForNoise) {
  MelCodec codec;
  const torch::Tensor noise = 0.1 * torch::randn({1, 1, 24000}, make_generator(1, "noise"));
  const torch::Tensor latents = codec.encode(noise);
  EXPECT_TRUE(torch::isfinite(latents).all().item<bool>());
  EXPECT_GE(latents.min().item<double>(), 0.0);
  EXPECT_GT(latents.mean(2).min().item<double>(), 0.1) << "a band hears nothing";
}

TEST(MelCodec, SilenceIsZeroAndQuietSoundStaysFinite) {
  MelCodec codec({.griffin_lim_iterations = 4});
  const torch::Tensor silence = torch::zeros({1, 1, 4000});
  EXPECT_EQ(codec.encode(silence).abs().max().item<double>(), 0.0);
  EXPECT_EQ(codec.decode(codec.encode(silence)).abs().max().item<double>(), 0.0);
  for (const double level : {1e-3, 1e-10, 1e-25}) {
    const torch::Tensor latents = codec.encode(level * music(0.5));
    const torch::Tensor decoded = codec.decode(latents);
    EXPECT_TRUE(torch::isfinite(latents).all().item<bool>()) << level;
    EXPECT_TRUE(torch::isfinite(decoded).all().item<bool>()) << level;
    EXPECT_LE(decoded.abs().max().item<double>(), 10.0 * level) << level;
  }
}

TEST(MelCodec, LatentsScaleWithTheRootOfTheLevel) {
  MelCodec codec;
  const torch::Tensor sound = music(1.0);
  EXPECT_LT(relative_error(codec.encode(0.25 * sound), 0.5 * codec.encode(sound)), 1e-4);
}

TEST(MelCodec, DecodedSoundHasTheSameLatents) {
  MelCodec codec;
  const torch::Tensor latents = codec.encode(music(2.0));
  EXPECT_LT(relative_error(codec.encode(codec.decode(latents)), latents), 0.2);
}

TEST(MelCodec, LatentsOfPartsThatDoNotMeetAddUp) {
  MelCodec codec;
  const torch::Tensor time = torch::arange(24000, torch::kFloat64) / 24000.0;
  const torch::Tensor low = (0.2 * (2.0 * M_PI * 220.0 * time).sin()).to(torch::kFloat32).view({1, 1, -1});
  const torch::Tensor high = (0.2 * (2.0 * M_PI * 5000.0 * time).sin()).to(torch::kFloat32).view({1, 1, -1});
  // Away from the ends, where a reflected tone has a kink that every band hears.
  const auto inner = [&codec](const torch::Tensor& sound) { return codec.encode(sound).narrow(2, 4, 67); };
  EXPECT_LT(relative_error(inner(low) + inner(high), inner(low + high)), 0.01);
}

TEST(MelCodec, LatentsOfAMixtureNeverExceedTheSumOfThoseOfItsParts) {
  MelCodec codec;
  const torch::Tensor drums = support::drums_like(2.0, 24000).view({1, 1, -1});
  const torch::Tensor bass = support::bass_like(2.0, 24000).view({1, 1, -1});
  // |a + b| ≤ |a| + |b|, and a root is subadditive; the tolerance is rounding.
  const torch::Tensor excess = codec.encode(drums + bass) - (codec.encode(drums) + codec.encode(bass));
  EXPECT_LE(excess.max().item<double>(), 1e-3);
}

TEST(MelCodec, IsDeterministicAndTreatsEachRowOfABatchAlone) {
  MelCodec codec({.griffin_lim_iterations = 8});
  const torch::Tensor sound = music(1.0);
  const torch::Tensor latents = codec.encode(sound);
  EXPECT_TRUE(torch::equal(latents, codec.encode(sound)));
  const torch::Tensor decoded = codec.decode(latents);
  EXPECT_TRUE(torch::equal(decoded, codec.decode(latents)));
  const torch::Tensor pair = torch::cat({latents, 0.5 * latents});
  EXPECT_LT(relative_error(codec.decode(pair).narrow(0, 0, 1), decoded), 1e-3);
}

TEST(MelCodec, PowerSpectrumFollowsTheSoundsOwnSpectrumAtAnyWindow) {
  MelCodec codec;
  const torch::Tensor frequency = torch::tensor({110.0, 1000.0, 6000.0}, torch::kFloat64);
  const torch::Tensor time = torch::arange(24000, torch::kFloat64) / 24000.0;
  for (const std::int64_t window : {512, 2048, 4096}) {
    for (std::int64_t i = 0; i < 3; ++i) {
      const auto hertz = frequency[i].item<double>();
      const torch::Tensor tone = (2.0 * M_PI * hertz * time).sin().to(torch::kFloat32).view({1, 1, -1});
      const torch::Tensor power = codec.power_spectrum(codec.encode(tone), window);
      ASSERT_EQ(power.sizes(), (std::vector<std::int64_t>{1, window / 2 + 1, 75}));
      EXPECT_GE(power.min().item<double>(), 0.0);
      const double bin = 24000.0 / static_cast<double>(window);
      const double peak = bin * power[0].mean(1).argmax().item<double>();
      EXPECT_NEAR(peak, hertz, std::max(2.0 * bin, 0.1 * hertz)) << "window " << window;
    }
  }
}

TEST(MelCodec, RefusesOtherShapes) {
  MelCodec codec;
  EXPECT_THROW((void)codec.encode(torch::zeros({1, 2, 100})), CodecError);
  EXPECT_THROW((void)codec.encode(torch::zeros({1, 1, 0})), CodecError);
  EXPECT_THROW((void)codec.encode(torch::zeros({100})), CodecError);
  EXPECT_THROW((void)codec.decode(torch::zeros({1, 64, 10})), CodecError);
  EXPECT_THROW((void)codec.decode(torch::zeros({1, 128, 0})), CodecError);
  EXPECT_THROW((void)codec.power_spectrum(torch::zeros({128, 10}), 2048), CodecError);
}

TEST(MakeCodec, KnowsItsNames) {
  const auto codec = make_codec("mel");
  EXPECT_EQ(codec->name(), "mel");
  EXPECT_EQ(codec->sample_rate(), 24000);
  EXPECT_EQ(codec->channels(), 1);
  EXPECT_EQ(codec->hop(), 320);
  EXPECT_EQ(codec->latent_dim(), 128);
  try {
    (void)make_codec("mp3");
    FAIL() << "expected CodecError";
  } catch (const CodecError& error) {
    EXPECT_NE(std::string(error.what()).find("'mp3'"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("mel"), std::string::npos) << error.what();
  }
}

TEST(MelCodec, PartsSharedOutSuperposeToTheMixture) {
  MelCodec codec;
  const torch::Tensor mixture = 0.5 + torch::rand({2, 128, 9}, make_generator(1, "mixture"));
  torch::Tensor components = torch::rand({2, 3, 128, 9}, make_generator(2, "components"));
  components[0].zero_();  // where none has any power, all share alike
  const torch::Tensor shares = codec.power_shares(components);
  const torch::Tensor parts = codec.share_out(mixture, shares);
  EXPECT_TRUE(torch::allclose(codec.superpose(parts), mixture, 1e-5, 1e-6));
  EXPECT_TRUE(torch::allclose(codec.power_shares(parts), shares, 1e-4, 1e-6));
  EXPECT_TRUE(torch::allclose(parts[0][0], parts[0][2]));
}

TEST(MelCodec, SuperposedLatentsAreThoseOfSoundsTogether) {
  MelCodec codec;
  const torch::Tensor noise = 0.1 * torch::randn({2, 1, 24000}, make_generator(3, "noise"));
  const torch::Tensor together = codec.encode(noise.sum(0, true));
  const torch::Tensor superposed = codec.superpose(codec.encode(noise).transpose(0, 1));
  // Powers of independent sounds add on average; single latents scatter by their phases.
  EXPECT_NEAR((superposed / together).mean().item<double>(), 1.0, 0.05);
}

/// The share of a sound's power within 3 Hz of the multiples of a pitch, its first half second left out.
double share_on_partials(const torch::Tensor& samples, double pitch) {
  const torch::Tensor held = samples.slice(0, 12000);
  const torch::Tensor power =
      torch::fft_rfft(held * torch::hann_window(held.size(0))).abs().square().to(torch::kFloat64);
  const torch::Tensor partial =
      torch::arange(power.size(0), torch::kFloat64) * (24000.0 / static_cast<double>(held.size(0))) / pitch;
  const torch::Tensor on = (partial - partial.round()).abs() * pitch < 3.0;
  return (power * on).sum().item<double>() / power.sum().item<double>();
}

// Measured: 0.99, 0.99 and 0.96. Griffin-Lim, which starts from the bins' own frequencies, leaves a third or
// less.
TEST(MelCodec, ASinglePassKeepsThePitchOfHeldNotes) {
  MelCodec codec;
  const torch::Tensor time = torch::arange(72000, torch::kFloat32) / 24000.0;
  for (const double pitch : {55.0, 82.4, 110.0}) {
    torch::Tensor note = torch::zeros_like(time);
    for (int k = 1; k <= 6; ++k)
      note = note + 0.1 * std::pow(0.6, k) * torch::sin(2.0 * std::numbers::pi * pitch * k * time + k);
    const torch::Tensor latents = codec.encode(note.reshape({1, 1, -1}));
    EXPECT_GT(share_on_partials(codec.single_pass(latents)[0], pitch), 0.9) << pitch;
  }
}

TEST(MelCodec, ASinglePassOfSilenceIsSilent) {
  MelCodec codec;
  for (const std::int64_t frames : {1, 2, 30}) {
    const torch::Tensor found = codec.single_pass(torch::zeros({2, 128, frames}));
    EXPECT_TRUE(torch::equal(found, torch::zeros({2, frames * 320})));
  }
}

}  // namespace
}  // namespace partita::codec
