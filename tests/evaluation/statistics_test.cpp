#include "partita/evaluation/statistics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "partita/base/random.hpp"

namespace partita::evaluation {
namespace {

Sample of(const std::vector<double>& values) {
  Sample sample;
  for (std::size_t i = 0; i < values.size(); ++i) sample.add(values[i], static_cast<std::int64_t>(i));
  return sample;
}

TEST(Statistics, AreThoseOfTheValues) {
  const Statistic found = of({1.0, 2.0, 6.0, 3.0}).statistic();
  EXPECT_DOUBLE_EQ(found.mean, 3.0);
  EXPECT_DOUBLE_EQ(found.deviation, std::sqrt(14.0 / 4.0));
  EXPECT_DOUBLE_EQ(found.median, 2.5);
  EXPECT_EQ(found.count, 4);
  EXPECT_LE(found.interval.low, found.mean);
  EXPECT_GE(found.interval.high, found.mean);
  EXPECT_GE(found.interval.low, 1.0);
  EXPECT_LE(found.interval.high, 6.0);
}

TEST(Statistics, OfNothingAreNone) {
  const Statistic found = Sample().statistic();
  EXPECT_TRUE(std::isnan(found.mean));
  EXPECT_TRUE(std::isnan(found.deviation));
  EXPECT_TRUE(std::isnan(found.median));
  EXPECT_TRUE(std::isnan(found.interval.low));
  EXPECT_EQ(found.count, 0);
  EXPECT_EQ(to_text(found), "–");
}

TEST(Statistics, OneClipHasNoSpread) {
  const Statistic found = of({4.5}).statistic();
  EXPECT_DOUBLE_EQ(found.interval.low, 4.5);
  EXPECT_DOUBLE_EQ(found.interval.high, 4.5);
  EXPECT_EQ(to_text(found), "4.5 (0.0) [4.5, 4.5]");
  EXPECT_EQ(to_text(found, 3), "4.500 (0.000) [4.500, 4.500]");
}

TEST(Statistics, IntervalsAreThoseOfTheNormalLaw) {
  // Of 400 values of deviation 2, the mean's standard error is 0.1: 95 % lie within 1.96 of it.
  const torch::Tensor values = 2.0 * torch::randn({400}, make_generator(1, "values"), torch::kFloat64);
  Sample sample;
  for (std::int64_t i = 0; i < 400; ++i) sample.add(values[i].item<double>(), i);
  const Statistic found = sample.statistic();
  // 1,000 resamples know the percentiles to about 5 %.
  const double error = 1.96 * found.deviation / 20.0;
  EXPECT_NEAR(found.mean - found.interval.low, error, 0.15 * error);
  EXPECT_NEAR(found.interval.high - found.mean, error, 0.15 * error);
}

TEST(Statistics, ValuesOfOneClipAreDrawnTogether) {
  // Both values of a clip are the same: they tell no more than one does.
  Sample once, twice;
  for (std::int64_t clip = 0; clip < 30; ++clip) {
    const double value = std::sin(static_cast<double>(clip));
    once.add(value, clip);
    twice.add(value, clip);
    twice.add(value, clip);
  }
  EXPECT_NEAR(once.statistic().interval.low, twice.statistic().interval.low, 1e-12);
  EXPECT_NEAR(once.statistic().interval.high, twice.statistic().interval.high, 1e-12);
  EXPECT_EQ(twice.statistic().count, 60);
}

TEST(Statistics, FollowTheSeed) {
  const Sample sample = of({1.0, 5.0, 2.0, 8.0, 3.0});
  EXPECT_EQ(sample.statistic(3).interval.low, sample.statistic(3).interval.low);
  EXPECT_TRUE(torch::equal(bootstrap_counts(20, 4, 3), bootstrap_counts(20, 4, 3)));
  EXPECT_FALSE(torch::equal(bootstrap_counts(20, 4, 3), bootstrap_counts(20, 4, 5)));
  EXPECT_FALSE(torch::equal(bootstrap_counts(20, 4, 3), bootstrap_counts(20, 5, 3)));
  EXPECT_EQ(bootstrap_counts(20, 4, 3).sum().item<double>(), 20.0);
  EXPECT_EQ(bootstrap_counts(0, 4, 3).numel(), 0);
}

TEST(Statistics, IntervalsAreMovedToTheFigure) {
  std::vector<double> resampled;
  for (int i = 0; i <= 40; ++i) resampled.push_back(i);
  const Interval found = bootstrap_interval(100.0, resampled);  // percentiles 1 and 39, mean 20
  EXPECT_DOUBLE_EQ(found.low, 81.0);
  EXPECT_DOUBLE_EQ(found.high, 119.0);
  EXPECT_TRUE(std::isnan(bootstrap_interval(1.0, {}).low));
}

TEST(Statistics, ReportsHaveEveryFigure) {
  const io::Json json = to_json(of({1.0, 3.0}).statistic());
  EXPECT_EQ(json.at("mean"), 2.0);
  EXPECT_EQ(json.at("deviation"), 1.0);
  EXPECT_EQ(json.at("median"), 2.0);
  EXPECT_EQ(json.at("count"), 2);
  EXPECT_EQ(json.at("interval").size(), 2U);
  EXPECT_THAT(statistics_legend(), ::testing::HasSubstr("1000 resamples"));
}

}  // namespace
}  // namespace partita::evaluation
