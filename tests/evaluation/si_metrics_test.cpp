#include "partita/evaluation/si_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "partita/base/random.hpp"
#include "partita/io/safetensors.hpp"
#include "support/paths.hpp"

namespace partita::evaluation {
namespace {

constexpr double kTolerance = 1e-6;  // dB

torch::Tensor noise(std::uint64_t seed, std::int64_t rows = 1, std::int64_t samples = 4000) {
  return 0.1 * torch::randn({rows, samples}, make_generator(seed, "noise"), torch::kFloat64);
}

/// Written by scripts/golden/si_metrics.py: least squares in NumPy.
TEST(SiMetricsGolden, AgreeWithLeastSquares) {
  const io::SafetensorsFile golden(support::golden_path("si_metrics.safetensors"));
  ASSERT_EQ(golden.metadata().size(), 11U);
  for (const auto& [name, text] : golden.metadata()) {
    if (name.starts_with("demo")) continue;  // host/si_metrics_test.cpp
    const torch::Tensor estimate = golden.tensor(name + "/estimate");
    const torch::Tensor references = golden.tensor(name + "/references");
    const auto expected = nlohmann::json::parse(text);
    ASSERT_EQ(static_cast<std::int64_t>(expected.size()), references.size(0)) << name;
    for (std::int64_t target = 0; target < references.size(0); ++target) {
      const auto& figures = expected.at(static_cast<std::size_t>(target));
      EXPECT_EQ(is_silent(references[target]), figures.is_null()) << name << ' ' << target;
      if (figures.is_null()) continue;
      const SiMetrics found = si_metrics(estimate, references, target);
      EXPECT_NEAR(found.sdr, figures.at(0).get<double>(), kTolerance) << name << ' ' << target;
      EXPECT_NEAR(found.sir, figures.at(1).get<double>(), kTolerance) << name << ' ' << target;
      EXPECT_NEAR(found.sar, figures.at(2).get<double>(), kTolerance) << name << ' ' << target;
      EXPECT_NEAR(si_sdr(estimate, references[target]), found.sdr, kTolerance) << name << ' ' << target;
    }
  }
}

TEST(SiMetrics, DoNotChangeWithScaleSignOrOffset) {
  const torch::Tensor references = noise(1, 2);
  const torch::Tensor estimate = references[0] + 0.3 * references[1] + 0.2 * noise(2)[0];
  const SiMetrics plain = si_metrics(estimate, references, 0);
  for (const double scale : {1e-3, -1.0, 40.0}) {
    const SiMetrics other = si_metrics(scale * estimate + 0.5, 3.0 * references - 0.1, 0);
    EXPECT_NEAR(other.sdr, plain.sdr, kTolerance);
    EXPECT_NEAR(other.sir, plain.sir, kTolerance);
    EXPECT_NEAR(other.sar, plain.sar, kTolerance);
  }
}

TEST(SiMetrics, SplitTheResidualByEnergy) {
  const torch::Tensor references = noise(3, 3);
  const SiMetrics found = si_metrics(noise(4)[0] + references[1], references, 1);
  const auto share = [](double decibels) { return std::pow(10.0, -decibels / 10.0); };
  EXPECT_NEAR(share(found.sdr), share(found.sir) + share(found.sar), 1e-9);
}

TEST(SiMetrics, PureInterferenceLeavesNoArtefacts) {
  const torch::Tensor references = noise(5, 2);
  const SiMetrics found = si_metrics(references[0] + 0.5 * references[1], references, 0);
  EXPECT_NEAR(found.sdr, found.sir, kTolerance);
  EXPECT_GT(found.sar, 200.0);
  EXPECT_GT(si_metrics(references[0], references, 0).sdr, 200.0);
}

TEST(SiMetrics, ASilentEstimateIsMinusInfinity) {
  const SiMetrics found = si_metrics(torch::zeros({4000}), noise(6, 2), 0);
  EXPECT_EQ(found.sdr, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(found.sir, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(found.sar, -std::numeric_limits<double>::infinity());
}

TEST(SiMetrics, SilenceIsMeasuredWithoutTheMean) {
  EXPECT_TRUE(is_silent(torch::zeros({100})));
  EXPECT_TRUE(is_silent(torch::full({100}, 0.5)));
  EXPECT_TRUE(is_silent(torch::zeros({1})));
  EXPECT_FALSE(is_silent(noise(7)[0]));
}

TEST(SiMetrics, RefuseWhatCannotBeMeasured) {
  const torch::Tensor references = noise(8, 2);
  torch::Tensor broken = references[0].clone();
  broken[5] = std::nan("");
  EXPECT_THROW((void)si_metrics(references[0].narrow(0, 0, 100), references, 0), EvaluationError);
  EXPECT_THROW((void)si_metrics(references[0], references, 2), EvaluationError);
  EXPECT_THROW((void)si_metrics(references[0], references[0], 0), EvaluationError);
  EXPECT_THROW((void)si_metrics(references[0], torch::zeros({2, 4000}), 0), EvaluationError);
  EXPECT_THROW((void)si_metrics(references[0], torch::stack({references[1], broken}), 0), EvaluationError);
  EXPECT_THROW((void)si_sdr(references[0], torch::zeros({4000})), EvaluationError);
  try {
    (void)si_metrics(broken, references, 0);
    FAIL() << "expected EvaluationError";
  } catch (const EvaluationError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("NaN"));
  }
}

TEST(BestAssignment, MaximisesTheTotal) {
  EXPECT_THAT(best_assignment(torch::tensor({{1.0, 5.0}, {2.0, 9.0}})), ::testing::ElementsAre(0, 1));
  EXPECT_THAT(best_assignment(torch::tensor({{1.0, 5.0}, {2.0, 5.5}})), ::testing::ElementsAre(1, 0));
  EXPECT_THAT(best_assignment(torch::tensor({{1.0}, {3.0}, {2.0}})), ::testing::ElementsAre(1));
  EXPECT_THAT(best_assignment(torch::tensor({{0.0, 0.0, 9.0}, {9.0, 0.0, 0.0}, {0.0, 9.0, 0.0}})),
              ::testing::ElementsAre(1, 2, 0));
  EXPECT_THROW((void)best_assignment(torch::zeros({1, 2})), EvaluationError);
  EXPECT_THROW((void)best_assignment(torch::zeros({4})), EvaluationError);
}

}  // namespace
}  // namespace partita::evaluation
