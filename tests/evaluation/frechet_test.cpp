#include "partita/evaluation/frechet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "partita/base/random.hpp"
#include "partita/io/safetensors.hpp"
#include "support/paths.hpp"

namespace partita::evaluation {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

torch::Tensor noise(std::int64_t frames, std::int64_t dim, std::uint64_t seed = 1) {
  return torch::randn({frames, dim}, make_generator(seed, "frames"), torch::kFloat64);
}

Moments moments(const torch::Tensor& frames) {
  Moments result;
  result.add(frames);
  return result;
}

double distance(const torch::Tensor& reference, const torch::Tensor& candidates) {
  return FrechetDistance(moments(reference).gaussian()).to(moments(candidates).gaussian());
}

Gaussian gaussian(const std::vector<double>& mean, const torch::Tensor& covariance) {
  return {torch::tensor(mean, torch::kFloat64), covariance.to(torch::kFloat64), 100.0};
}

/// Written by scripts/golden/frechet.py: SciPy in float64.
TEST(FrechetGolden, AgreesWithScipy) {
  const io::SafetensorsFile golden(support::golden_path("frechet.safetensors"));
  ASSERT_EQ(golden.metadata().size(), 8U);
  for (const auto& [name, text] : golden.metadata()) {
    const double expected = nlohmann::json::parse(text);
    const double found = distance(golden.tensor(name + "/reference"), golden.tensor(name + "/candidates"));
    EXPECT_NEAR(found, expected, 1e-6) << name;
    EXPECT_GE(found, 0.0) << name;
  }
}

TEST(Frechet, OfKnownGaussians) {
  // Commuting covariances: |m₁ − m₂|² + Σ (√λ₁ − √λ₂)².
  const FrechetDistance from(gaussian({0.0, 1.0}, torch::diag(torch::tensor({4.0, 9.0}))));
  EXPECT_NEAR(from.to(gaussian({3.0, -3.0}, torch::diag(torch::tensor({1.0, 16.0})))), 25.0 + 1.0 + 1.0,
              1e-12);
  EXPECT_NEAR(from.to(gaussian({0.0, 1.0}, torch::zeros({2, 2}))), 13.0, 1e-12);
  // Two lines that meet at an angle φ, variances 1: 2 − 2 |cos φ|.
  const auto line = [](double angle) {
    const torch::Tensor along = torch::tensor({std::cos(angle), std::sin(angle)}, torch::kFloat64);
    return gaussian({0.0, 0.0}, along.outer(along));
  };
  EXPECT_NEAR(FrechetDistance(line(0.3)).to(line(1.0)), 2.0 - 2.0 * std::cos(0.7), 1e-12);
}

TEST(Frechet, IsZeroBetweenASetAndItself) {
  for (const auto& [frames, dim] : {std::pair{500, 32}, {20, 64}, {2, 128}}) {
    const torch::Tensor x = noise(frames, dim);
    EXPECT_NEAR(distance(x, x), 0.0, 1e-9) << frames << " frames of " << dim;
    EXPECT_GE(distance(x, x), 0.0);
  }
}

TEST(Frechet, IsSymmetricAndDoesNotTurn) {
  const torch::Tensor a = noise(60, 10), b = 2.0 * noise(70, 10, 2) + 0.5;
  const torch::Tensor turn = std::get<0>(torch::linalg_qr(noise(10, 10, 3)));
  EXPECT_NEAR(distance(a, b), distance(b, a), 1e-9);
  EXPECT_NEAR(distance(a.matmul(turn), b.matmul(turn)), distance(a, b), 1e-9);
}

TEST(Moments, DoNotDependOnThePieces) {
  const torch::Tensor frames = noise(100, 6) + 1e4;  // far from zero: sums of squares would lose digits
  Moments pieces;
  for (const auto& piece : frames.split(7)) pieces.add(piece);
  pieces.add(torch::zeros({0, 6}));
  const Gaussian whole = moments(frames).gaussian();
  const Gaussian found = pieces.gaussian();
  EXPECT_EQ(found.frames, 100.0);
  EXPECT_TRUE(torch::allclose(found.mean, whole.mean, 0.0, 1e-9));
  EXPECT_TRUE(torch::allclose(found.covariance, whole.covariance, 0.0, 1e-9));
  const torch::Tensor centred = frames - frames.mean(0);
  EXPECT_TRUE(torch::allclose(whole.covariance, centred.t().matmul(centred) / 99.0, 0.0, 1e-9));
}

TEST(Moments, WeightsCountFramesSeveralTimes) {
  const torch::Tensor a = noise(20, 4), b = noise(30, 4, 2);
  Moments weighted;
  weighted.add(moments(a), 2.0);
  weighted.add(moments(b), 0.0);
  weighted.add(moments(b), 3.0);
  const Gaussian expected = moments(torch::cat({a, a, b, b, b})).gaussian();
  const Gaussian found = weighted.gaussian();
  EXPECT_EQ(found.frames, 130.0);
  EXPECT_TRUE(torch::allclose(found.covariance, expected.covariance, 0.0, 1e-12));
}

TEST(Moments, RefuseWhatIsNoFrames) {
  Moments some = moments(noise(10, 3));
  EXPECT_THAT([&] { some.add(noise(10, 4)); }, ThrowsMessage<EvaluationError>(HasSubstr("3 dimensions")));
  EXPECT_THAT([&] { some.add(torch::zeros({5})); },
              ThrowsMessage<EvaluationError>(HasSubstr("[frame, dim]")));
  torch::Tensor broken = noise(10, 3);
  broken[4][1] = std::nan("");
  EXPECT_THAT([&] { some.add(broken); }, ThrowsMessage<EvaluationError>(HasSubstr("NaN")));
  EXPECT_EQ(some.frames(), 10.0);
  EXPECT_THAT([] { (void)moments(noise(1, 3)).gaussian(); },
              ThrowsMessage<EvaluationError>(HasSubstr("two frames")));
  EXPECT_THROW((void)Moments().gaussian(), EvaluationError);
  EXPECT_THROW((void)distance(noise(10, 3), noise(10, 4)), EvaluationError);
}

TEST(FadInfinity, TakesTheSampleSizeOut) {
  // Of one Gaussian, so that the distance is nothing but the bias of few frames, which goes with one over
  // them.
  const FrechetDistance reference({torch::zeros({8}, torch::kFloat64), torch::eye(8, torch::kFloat64), 1e6});
  const torch::Tensor frames = noise(4000, 8);
  const FadInfinity found = fad_infinity(reference, frames, 0);
  ASSERT_EQ(found.points.size(), 25U);
  EXPECT_EQ(found.points.front().first, 500);
  EXPECT_EQ(found.points.back().first, 4000);
  EXPECT_GT(found.points.front().second, 2.0 * found.points.back().second);
  // The mean alone costs dim / n, the covariance dim (dim + 1) / (4 n): about 26 / n.
  EXPECT_NEAR(found.slope, 26.0, 8.0);
  EXPECT_LT(std::abs(found.value), 0.3 * found.points.front().second);
  EXPECT_GT(found.r2, 0.8);
  EXPECT_EQ(fad_infinity(reference, frames, 0).value, found.value);
  EXPECT_NE(fad_infinity(reference, frames, 1).value, found.value);
}

TEST(FadInfinity, NeedsFrames) {
  const FrechetDistance reference(moments(noise(600, 3)).gaussian());
  EXPECT_THAT([&] { (void)fad_infinity(reference, noise(500, 3), 0); },
              ThrowsMessage<EvaluationError>(HasSubstr("500")));
  EXPECT_NO_THROW((void)fad_infinity(reference, noise(501, 3), 0));
}

TEST(SoundMoments, IntervalsHoldTheDistanceAndShrink) {
  const FrechetDistance reference(moments(noise(2000, 4)).gaussian());
  const auto width = [&](std::int64_t sounds) {
    SoundMoments set(sounds, 50, 0);
    for (std::int64_t i = 0; i < sounds; ++i) {
      // Each sound has a mean of its own.
      set.add(moments(0.5 * noise(50, 4, 10 + i) + 0.5 * noise(1, 4, 1000 + i)));
    }
    const Interval found = set.interval(reference);
    const double fad = reference.to(set.all().gaussian());
    EXPECT_LE(found.low, fad);
    EXPECT_GE(found.high, fad);
    EXPECT_GE(found.low, 0.0);
    return found.high - found.low;
  };
  const double few = width(8), many = width(80);
  EXPECT_LT(many, 0.6 * few);
  EXPECT_GT(many, 0.0);
}

}  // namespace
}  // namespace partita::evaluation
