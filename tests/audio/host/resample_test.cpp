#include "partita/audio/resample.hpp"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <tuple>
#include <vector>

namespace partita::audio {
namespace {

// Very high quality is good for 28 bits; float32 samples hold 24 of them.
constexpr double kLeastSnr = 90.0;

torch::Tensor sine(double frequency, int rate, std::int64_t samples) {
  const auto time = torch::arange(samples, torch::kFloat64) / static_cast<double>(rate);
  return (0.5 * torch::sin(time * (2.0 * std::numbers::pi * frequency))).to(torch::kFloat32).unsqueeze(0);
}

torch::Tensor noise(std::int64_t channels, std::int64_t samples) {
  torch::manual_seed(1);
  return torch::rand({channels, samples}) * 2 - 1;
}

class ResamplerRates : public testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(ResamplerRates, SineKeepsItsShapeAndItsPlace) {
  const auto [from, to] = GetParam();
  const std::int64_t length = from + 17;
  const auto result = resample(sine(997.0, from, length), from, to);
  ASSERT_EQ(result.size(1), std::llround(static_cast<double>(length) * to / from));
  const auto expected = sine(997.0, to, result.size(1));
  const std::int64_t edge = to / 10;
  const auto inner = [edge](const torch::Tensor& x) {
    return x.narrow(1, edge, x.size(1) - 2 * edge).to(torch::kFloat64);
  };
  // A shift by a thousandth of a sample would already cost this ratio.
  const auto error = (inner(result) - inner(expected)).square().sum().item<double>();
  EXPECT_GT(10.0 * std::log10(inner(expected).square().sum().item<double>() / error), kLeastSnr);
}

TEST_P(ResamplerRates, ImpulseStaysWhereItWas) {
  const auto [from, to] = GetParam();
  auto impulse = torch::zeros({1, from});
  impulse[0][from / 2] = 1.0;
  const auto result = resample(impulse, from, to);
  const double place = static_cast<double>(from / 2) * to / from;
  EXPECT_LE(std::abs(static_cast<double>(result[0].argmax().item<std::int64_t>()) - place), 0.5 + 1e-9);
}

TEST_P(ResamplerRates, BlocksEqualTheWhole) {
  const auto [from, to] = GetParam();
  const auto samples = noise(2, from / 2 + 13);
  const auto whole = resample(samples, from, to);
  Resampler resampler(from, to, 2);
  std::vector<torch::Tensor> parts;
  std::int64_t size = 1;
  for (std::int64_t begin = 0; begin < samples.size(1); begin += size, size = size * 5 % 4093 + 1) {
    size = std::min(size, samples.size(1) - begin);
    parts.push_back(resampler.process(samples.narrow(1, begin, size)));
  }
  parts.push_back(resampler.finish());
  const auto joined = torch::cat(parts, 1);
  ASSERT_EQ(joined.sizes(), whole.sizes());
  EXPECT_LE((joined - whole).abs().max().item<double>(), 1e-6);
}

TEST_P(ResamplerRates, LengthsAreRounded) {
  const auto [from, to] = GetParam();
  for (const std::int64_t length : {0, 1, 2, 3, 10, 999}) {
    const auto result = resample(noise(3, length), from, to);
    EXPECT_EQ(result.size(0), 3);
    EXPECT_EQ(result.size(1), std::llround(static_cast<double>(length) * to / from)) << length;
    EXPECT_TRUE(torch::isfinite(result).all().item<bool>());
  }
}

INSTANTIATE_TEST_SUITE_P(Resampler, ResamplerRates,
                         testing::Values(std::tuple{44100, 24000}, std::tuple{48000, 24000},
                                         std::tuple{24000, 44100}, std::tuple{8000, 192000},
                                         std::tuple{11025, 8000}));

TEST(Resampler, ThereAndBackKeepsMusicBelowTheBand) {
  const auto samples = sine(3000.0, 44100, 44100) + sine(440.0, 44100, 44100);
  const auto back = resample(resample(samples, 44100, 24000), 24000, 44100);
  ASSERT_EQ(back.sizes(), samples.sizes());
  EXPECT_LE((back - samples).narrow(1, 4410, 35280).abs().max().item<double>(), 1e-4);
}

TEST(Resampler, ChannelsDoNotMix) {
  const auto samples = noise(7, 5000);
  const auto together = resample(samples, 44100, 32000);
  for (std::int64_t channel = 0; channel < 7; ++channel) {
    const auto alone = resample(samples.narrow(0, channel, 1), 44100, 32000);
    EXPECT_LE((together.narrow(0, channel, 1) - alone).abs().max().item<double>(), 1e-6);
  }
}

TEST(Resampler, EqualRatesPassUntouched) {
  const auto samples = noise(2, 1234);
  EXPECT_TRUE(torch::equal(resample(samples, 44100, 44100), samples));
}

TEST(Resampler, RefusesWrongUse) {
  EXPECT_THROW(Resampler(0, 44100, 1), AudioError);
  EXPECT_THROW(Resampler(44100, -1, 1), AudioError);
  EXPECT_THROW(Resampler(44100, 24000, 0), AudioError);
  Resampler resampler(44100, 24000, 2);
  EXPECT_THROW((void)resampler.process(torch::zeros({1, 100})), AudioError);
  EXPECT_THROW((void)resampler.process(torch::zeros({2, 100}, torch::kInt64)), AudioError);
  EXPECT_EQ(resampler.finish().size(1), 0);
  EXPECT_THROW((void)resampler.process(torch::zeros({2, 100})), AudioError);
  EXPECT_THROW((void)resampler.finish(), AudioError);
}

}  // namespace
}  // namespace partita::audio
