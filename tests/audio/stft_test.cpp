#include "partita/audio/stft.hpp"

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/fft.h>
#include <torch/nn/functional/padding.h>

#include <cmath>
#include <cstdint>
#include <numbers>
#include <tuple>
#include <vector>

namespace partita::audio {
namespace {

// Largest allowed error of a reconstructed sample of unit-variance noise.
constexpr double kFloatTolerance = 5e-6;
constexpr double kFullScaleTolerance = 1e-6;
constexpr double kDoubleTolerance = 1e-12;

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return a.numel() == 0 ? 0.0 : (a - b).abs().max().item<double>();
}

class StftLengths : public testing::TestWithParam<std::tuple<StftOptions, std::int64_t>> {};

TEST_P(StftLengths, InverseReturnsTheSignal) {
  const auto& [options, length] = GetParam();
  torch::manual_seed(1);
  const Stft stft(options);
  const auto samples = torch::rand({2, length}) * 2 - 1;
  const auto spectrum = stft.forward(samples);
  EXPECT_EQ(spectrum.sizes(), (std::vector<std::int64_t>{2, options.window / 2 + 1,
                                                         1 + (length + options.hop - 1) / options.hop}));
  const auto again = stft.inverse(spectrum, length);
  ASSERT_EQ(again.sizes(), samples.sizes());
  EXPECT_LE(largest_difference(again, samples), kFullScaleTolerance);

  const auto precise = samples.to(torch::kFloat64);
  EXPECT_LE(largest_difference(stft.inverse(stft.forward(precise), length), precise), kDoubleTolerance);
}

INSTANTIATE_TEST_SUITE_P(
    Stft, StftLengths,
    testing::Combine(testing::Values(StftOptions{2048, 512}, StftOptions{2048, 320}, StftOptions{1024, 256},
                                     StftOptions{1024, 512}, StftOptions{400, 160}, StftOptions{64, 48}),
                     testing::Values<std::int64_t>(0, 1, 2, 511, 512, 513, 2047, 2048, 2049, 44103)));

TEST(Stft, MatchesTheFieldsTransform) {
  torch::manual_seed(2);
  const auto samples = torch::randn({3, 8192}, torch::kFloat64);
  const auto window = torch::hann_window(2048, torch::kFloat64);
  const auto padded =
      torch::nn::functional::pad(samples.unsqueeze(1),
                                 torch::nn::functional::PadFuncOptions({1024, 1024}).mode(torch::kReflect))
          .squeeze(1);
  const auto frames = padded.unfold(-1, 2048, 512) * window;
  const auto expected = torch::fft::rfft(frames).transpose(-1, -2);
  EXPECT_LE(largest_difference(Stft({2048, 512}).forward(samples), expected), 1e-10);
}

TEST(Stft, SinusoidPeaksInItsBin) {
  const auto time = torch::arange(16384, torch::kFloat64);
  const auto samples = torch::cos(time * (2.0 * std::numbers::pi * 100.0 / 2048.0));
  const auto magnitude = Stft({2048, 512}).forward(samples).abs();
  const auto middle = magnitude.select(1, 16);
  EXPECT_EQ(middle.argmax().item<std::int64_t>(), 100);
  EXPECT_NEAR(middle[100].item<double>(), 512.0, 1e-6);  // half the window's sum
}

TEST(Stft, KeepsBatchDimensions) {
  torch::manual_seed(3);
  const Stft stft({256, 64});
  const auto samples = torch::randn({2, 3, 4, 1000});
  const auto spectrum = stft.forward(samples);
  EXPECT_EQ(spectrum.sizes(), (std::vector<std::int64_t>{2, 3, 4, 129, 17}));
  EXPECT_LE(largest_difference(spectrum[1][2][3], stft.forward(samples[1][2][3])), kFloatTolerance);
  EXPECT_LE(largest_difference(stft.inverse(spectrum, 1000), samples), kFloatTolerance);
}

TEST(Stft, ContinuousSpectrumIsNotRequired) {
  torch::manual_seed(4);
  const Stft stft({256, 64});
  const auto samples = torch::randn({2, 1000});
  const auto scaled = (stft.forward(samples).contiguous() * 0.5).clone();
  EXPECT_LE(largest_difference(stft.inverse(scaled, 1000), samples * 0.5), kFloatTolerance);
}

TEST(Stft, GradientsFlowThroughBothWays) {
  torch::manual_seed(5);
  const Stft stft({64, 20});
  const auto options = torch::TensorOptions().dtype(torch::kFloat64).requires_grad(true);
  const auto samples = torch::randn({2, 150}, options);
  const auto target = torch::randn({2, 150}, torch::kFloat64);
  // The round trip is the identity, so d/dx Σ target·x is the target.
  const auto loss = (stft.inverse(stft.forward(samples), 150) * target).sum();
  loss.backward();
  EXPECT_LE(largest_difference(samples.grad(), target), kDoubleTolerance);

  // A non-linear loss against finite differences.
  const auto energy = [&](const torch::Tensor& x) { return stft.forward(x).abs().square().sum(); };
  const auto point = samples.detach().clone().set_requires_grad(true);
  const auto gradient = torch::autograd::grad({energy(point)}, {point})[0];
  const auto direction = torch::randn_like(target);
  const auto base = point.detach();
  const double step = 1e-4;
  const double slope =
      (energy(base + direction * step) - energy(base - direction * step)).item<double>() / (2 * step);
  EXPECT_NEAR(slope, (gradient * direction).sum().item<double>(), 1e-5 * std::abs(slope) + 1e-5);
}

TEST(Stft, RefusesWhatCannotBeInverted) {
  EXPECT_THROW(Stft({2048, 2048}), AudioError);
  EXPECT_THROW(Stft({2048, 3000}), AudioError);
  EXPECT_THROW(Stft({2048, 0}), AudioError);
  EXPECT_THROW(Stft({2047, 512}), AudioError);
  EXPECT_THROW(Stft({0, 1}), AudioError);
  EXPECT_NO_THROW(Stft({2048, 1024}));
}

TEST(Stft, RefusesOtherShapesAndTypes) {
  const Stft stft({256, 64});
  EXPECT_THROW((void)stft.forward(torch::ones({2, 100}, torch::kInt64)), AudioError);
  EXPECT_THROW((void)stft.forward(torch::tensor(1.0F)), AudioError);
  const auto spectrum = stft.forward(torch::ones({2, 100}));
  EXPECT_THROW((void)stft.inverse(spectrum, 200), AudioError);
  EXPECT_THROW((void)stft.inverse(spectrum, -1), AudioError);
  EXPECT_THROW((void)stft.inverse(spectrum.abs(), 100), AudioError);
  EXPECT_THROW((void)stft.inverse(spectrum.transpose(1, 2), 100), AudioError);
}

}  // namespace
}  // namespace partita::audio
