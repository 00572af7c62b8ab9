#include "partita/baselines/baseline.hpp"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <limits>

#include "partita/base/interrupt.hpp"
#include "partita/base/random.hpp"
#include "partita/baselines/nmf.hpp"
#include "partita/baselines/rpca.hpp"
#include "support/signals.hpp"

namespace partita::baselines {
namespace {

constexpr int kRate = 8000;
constexpr double kSumTolerance = 1e-5;

double largest(const torch::Tensor& x) { return x.abs().max().item<double>(); }

/// Two channels that differ.
torch::Tensor song(double seconds) {
  const torch::Tensor drums = support::drums_like(seconds, kRate), bass = support::bass_like(seconds, kRate);
  return torch::stack({drums + bass, 0.5 * drums + 0.8 * bass});
}

class EachBaseline : public ::testing::TestWithParam<std::string> {
 protected:
  const Baseline& baseline_ = *find_baseline(GetParam());
};

TEST_P(EachBaseline, StemsAddUpAtEveryLengthAndRate) {
  for (const int rate : {2000, 24000, 96000}) {
    for (const std::int64_t samples : {1, 2, 511, 9001}) {
      const torch::Tensor sound =
          0.5 * torch::randn({2, samples}, make_generator(3, "noise", static_cast<std::uint64_t>(samples)));
      const torch::Tensor stems = separate(baseline_, sound, rate);
      ASSERT_EQ(stems.sizes(), (std::vector<std::int64_t>{2, 2, samples}));
      EXPECT_LE(largest(stems.sum(0) - sound), kSumTolerance) << samples << " at " << rate;
    }
  }
}

TEST_P(EachBaseline, BothStemsHoldSomethingOfAMixture) {
  const torch::Tensor energy = separate(baseline_, song(3.0), kRate).square().sum(2);
  EXPECT_GT(energy.min().item<double>(), 1.0);
}

TEST_P(EachBaseline, TheSameSeedGivesTheSameBits) {
  const torch::Tensor sound = song(2.0);
  EXPECT_TRUE(torch::equal(separate(baseline_, sound, kRate, 5), separate(baseline_, sound, kRate, 5)));
}

TEST_P(EachBaseline, SilenceStaysSilent) {
  EXPECT_EQ(largest(separate(baseline_, torch::zeros({2, 5000}), kRate)), 0.0);
  torch::Tensor half = song(1.0);
  half[1].zero_();
  const torch::Tensor stems = separate(baseline_, half, kRate);
  EXPECT_LE(largest(stems.sum(0) - half), kSumTolerance);
  EXPECT_EQ(largest(stems.select(1, 1)), 0.0);
}

TEST_P(EachBaseline, RefusesWhatItCannotUse) {
  EXPECT_THROW((void)separate(baseline_, torch::zeros({100}), kRate), BaselineError);
  EXPECT_THROW((void)separate(baseline_, torch::zeros({1, 0}), kRate), BaselineError);
  EXPECT_THROW((void)separate(baseline_, torch::ones({1, 10}), 0), BaselineError);
  torch::Tensor broken = song(1.0);
  broken[1][77] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW((void)separate(baseline_, broken, kRate), BaselineError);
}

INSTANTIATE_TEST_SUITE_P(Table, EachBaseline, ::testing::Values("hpss", "nmf", "rpca", "repet-sim", "ft2d"),
                         [](const auto& tested) {
                           return tested.param == "repet-sim" ? std::string("repet_sim") : tested.param;
                         });

TEST(Baselines, AreFoundByName) {
  EXPECT_EQ(all_baselines().size(), 5U);
  EXPECT_EQ(find_baseline("viola"), nullptr);
}

TEST(Rpca, FindsALowRankMatrixUnderSparseErrors) {
  for (const std::int64_t rows : {40, 150}) {
    const auto of = [](std::int64_t height, std::int64_t width, const char* name) {
      return torch::rand({height, width}, make_generator(1, name), torch::kFloat64);
    };
    const torch::Tensor low_rank = of(rows, 2, "left").mm(of(2, rows + 20, "right"));
    const torch::Tensor where = torch::rand({rows, rows + 20}, make_generator(1, "where")) < 0.03;
    const torch::Tensor sparse = where.to(torch::kFloat64) * 5.0;
    for (const bool tall : {false, true}) {
      const torch::Tensor matrix = low_rank + sparse;
      const auto found = robust_pca(tall ? matrix.t() : matrix);
      EXPECT_LE(largest((tall ? found.low_rank.t() : found.low_rank) - low_rank), 1e-4) << rows;
      EXPECT_LE(largest((tall ? found.sparse.t() : found.sparse) - sparse), 1e-4) << rows;
    }
  }
}

TEST(Rpca, StopsWhenAskedAndGivesThreadsBack) {
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  const torch::Tensor matrix = torch::rand({8, 8}, make_generator(1, "matrix"));
  (void)robust_pca(matrix);
  EXPECT_EQ(at::get_num_threads(), 2);
  request_interrupt();
  EXPECT_THROW((void)robust_pca(matrix), Interrupted);
  request_interrupt(false);
  EXPECT_EQ(at::get_num_threads(), 2);
  at::set_num_threads(before);
}

TEST(Nmf, UpdatesComeCloser) {
  const torch::Tensor matrix = torch::rand({30, 20}, make_generator(1, "matrix"));
  const Factors start = random_factors(matrix, 4, 7);
  double before = std::numeric_limits<double>::infinity();
  for (const std::int64_t iterations : {0, 1, 5, 50}) {
    const Factors found = nmf(matrix, start, iterations);
    const double error = (matrix - found.activations.mm(found.templates)).norm().item<double>();
    EXPECT_LT(error, before) << iterations;
    before = error;
  }
  EXPECT_THROW((void)nmf(matrix.t(), start, 1), BaselineError);
  EXPECT_THROW((void)random_factors(matrix, 0, 7), BaselineError);
}

TEST(Nmf, ClustersAreThoseOfThePoints) {
  torch::Tensor points = torch::randn({12, 3}, make_generator(1, "points"), torch::kFloat64);
  points.slice(0, 5) += 20.0;
  const torch::Tensor label = two_clusters(points, 3);
  EXPECT_TRUE(torch::equal(label.slice(0, 0, 5), label[0].expand({5})));
  EXPECT_TRUE(torch::equal(label.slice(0, 5), (1 - label[0]).expand({7})));
}

}  // namespace
}  // namespace partita::baselines
