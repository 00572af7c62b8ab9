#include "partita/diffusion/sampler.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "partita/diffusion/windows.hpp"
#include "support/golden.hpp"

namespace partita::diffusion {
namespace {

constexpr double kDeviation = 2.0;  // of the data

/// What is known of x ~ N(0, s²) at x_α: the best prediction of either variant, in closed form.
Network gaussian(Variant variant) {
  return [variant](const torch::Tensor& x_alpha, const torch::Tensor& alpha) {
    const double a = alpha[0].item<double>(), s = kDeviation * kDeviation;
    const torch::Tensor clean = x_alpha * (a * s / ((1.0 - a) * (1.0 - a) + a * a * s));
    return variant == Variant::C ? clean : (clean - x_alpha) / (1.0 - a);
  };
}

/// The true flow scales each base by the data's deviation.
double error(Variant variant, Solver solver, std::int64_t steps) {
  const torch::Tensor base = torch::ones({1, 4}, torch::kFloat64);
  const torch::Tensor found = sample({variant, steps, solver}, gaussian(variant), base);
  return (found - kDeviation * base).abs().max().item<double>();
}

class Solvers : public testing::TestWithParam<Variant> {};

TEST_P(Solvers, AreOfTheOrderThatTheySay) {
  const auto gain = [&](Solver solver) {
    return error(GetParam(), solver, 40) / error(GetParam(), solver, 80);
  };
  EXPECT_NEAR(gain(Solver::Euler), 2.0, 0.2);  // half the step, half the error
  EXPECT_GT(gain(Solver::Midpoint), 3.5);      // a quarter, or less
  EXPECT_GT(gain(Solver::DpmPP2M), 3.0);       // its first and last steps are of first order
}

TEST_P(Solvers, OfSecondOrderAreCloser) {
  const double euler = error(GetParam(), Solver::Euler, 20);
  EXPECT_LT(error(GetParam(), Solver::Midpoint, 20), 0.2 * euler);
  EXPECT_LT(error(GetParam(), Solver::DpmPP2M, 20), 0.2 * euler);
}

INSTANTIATE_TEST_SUITE_P(Variants, Solvers, testing::Values(Variant::C, Variant::D));

TEST(Solver, HasAName) {
  for (const std::string& name : solver_names()) EXPECT_NO_THROW((void)parse_solver(name));
  EXPECT_EQ(parse_solver("dpmpp2m"), Solver::DpmPP2M);
  EXPECT_THROW((void)parse_solver("ddim"), DiffusionError);
}

TEST(Windows, JoinToTheWhole) {
  const torch::Tensor x = torch::rand({3, 200});
  for (const std::int64_t length : {8, 64, 200, 512}) {
    const WindowOptions options{length, 0.25, 4, 3};
    std::int64_t seen = 0;
    const torch::Tensor joined =
        in_windows(x, options, [&](const torch::Tensor& windows, std::int64_t first) {
          EXPECT_EQ(first, seen);
          seen += windows.size(0);
          EXPECT_EQ(windows.size(2), std::min<std::int64_t>(length, 200));
          return torch::stack({windows, 2.0 * windows}, 1);
        });
    golden::expect_close(joined, torch::stack({x, 2.0 * x}), "joined");
  }
}

TEST(Windows, BeginOnMultiplesOfTheUnit) {
  const torch::Tensor x = torch::arange(104, torch::kFloat32).unsqueeze(0);
  (void)in_windows(x, {32, 0.5, 8, 1}, [](const torch::Tensor& windows, std::int64_t) {
    EXPECT_EQ(windows[0][0][0].item<std::int64_t>() % 8, 0);
    return windows;
  });
}

TEST(Windows, RefuseWhatDoesNotFit) {
  const auto same = [](const torch::Tensor& windows, std::int64_t) { return windows; };
  EXPECT_THROW((void)in_windows(torch::zeros({2, 0}), {}, same), DiffusionError);
  EXPECT_THROW((void)in_windows(torch::zeros({2, 9}), {12, 0.25, 8, 1}, same), DiffusionError);
  EXPECT_THROW((void)in_windows(torch::zeros({2, 9}), {8, 1.0, 1, 1}, same), DiffusionError);
}

TEST(Windows, ExtendByTheLastFrame) {
  const torch::Tensor x = torch::tensor({{1.0F, 2.0F}});
  EXPECT_TRUE(torch::equal(extended(x, 4), torch::tensor({{1.0F, 2.0F, 2.0F, 2.0F}})));
  EXPECT_TRUE(torch::equal(extended(x, 1), x));
}

}  // namespace
}  // namespace partita::diffusion
