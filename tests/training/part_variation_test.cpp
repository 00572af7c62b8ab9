#include "../../src/training/part_variation.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace partita::training {
namespace {

RemixOptions only(double gain, double equalizer, double transposition) {
  RemixOptions options;
  options.gain = gain;
  options.equalizer = equalizer;
  options.transposition = transposition;
  return options;
}

torch::Tensor ones(std::int64_t batch) { return torch::ones({batch, 2, 32, 3}); }

TEST(PartVariation, WithFactorsOfOneThereIsNone) {
  const torch::Tensor parts = torch::rand({4, 2, 32, 3});
  EXPECT_TRUE(torch::equal(varied_parts(parts, only(1.0, 1.0, 1.0), {1, "gains", 0}), parts));
}

TEST(PartVariation, GainIsOneFactorAPart) {
  const torch::Tensor levels = varied_parts(ones(200), only(1.5, 1.0, 1.0), {1, "gains", 0});
  EXPECT_TRUE(torch::equal(levels, levels.slice(2, 0, 1).slice(3, 0, 1).expand_as(levels)));
  EXPECT_LE(levels.max().item<double>(), 1.5 + 1e-6);
  EXPECT_GE(levels.min().item<double>(), 1.0 / 1.5 - 1e-6);
  EXPECT_GT(levels.max().item<double>() / levels.min().item<double>(), 2.0);
  EXPECT_FALSE(torch::equal(levels.select(1, 0), levels.select(1, 1))) << "each part has its own";
}

TEST(PartVariation, EqualizerIsACurveOverTheChannels) {
  const torch::Tensor levels = varied_parts(ones(200), only(1.0, 2.0, 1.0), {1, "gains", 0});
  EXPECT_LE(levels.abs().max().item<double>(), 2.0 + 1e-6);
  EXPECT_GE(levels.min().item<double>(), 0.5 - 1e-6);
  EXPECT_TRUE(torch::equal(levels.select(3, 0), levels.select(3, 2)));
  // From one channel to the next at most a bend's whole way spread over its channels: no noise.
  const torch::Tensor steps = levels.log().diff(1, 2).abs();
  EXPECT_LE(steps.max().item<double>(), 2.0 * std::log(2.0) * 5.0 / 31.0 + 1e-5);
  EXPECT_GT(steps.max().item<double>(), 0.01);
}

/// On a ramp a stretched channel's value is its own number times the factor.
TEST(PartVariation, TranspositionStretchesTheChannels) {
  const torch::Tensor ramp = torch::arange(32.0).view({1, 1, 32, 1}).expand({100, 2, 32, 3});
  const torch::Tensor found = varied_parts(ramp, only(1.0, 1.0, 1.25), {1, "gains", 0});
  const torch::Tensor factors = found.select(2, 10) / 10.0;
  EXPECT_LE(factors.max().item<double>(), 1.25 + 1e-6);
  EXPECT_GE(factors.min().item<double>(), 0.8 - 1e-6);
  EXPECT_GT(factors.max().item<double>() / factors.min().item<double>(), 1.4);
  EXPECT_TRUE(torch::allclose(found.select(2, 20), factors * 20.0, 1e-5));
  EXPECT_LE(found.max().item<double>(), 31.0) << "the last channel is held";
}

TEST(PartVariation, BelongsToTheExampleNotToTheBatch) {
  const RemixOptions options = only(1.5, 2.0, 1.25);
  const torch::Tensor parts = torch::rand({6, 2, 32, 3});
  const torch::Tensor all = varied_parts(parts, options, {1, "gains", 10});
  EXPECT_TRUE(
      torch::equal(all.narrow(0, 4, 2), varied_parts(parts.narrow(0, 4, 2), options, {1, "gains", 14})));
  EXPECT_FALSE(torch::equal(varied_parts(ones(2), options, {1, "gains", 0}),
                            varied_parts(ones(2), options, {2, "gains", 0})));
}

}  // namespace
}  // namespace partita::training
