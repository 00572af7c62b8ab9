#include "partita/decomposition/composition.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "partita/codec/mel_codec.hpp"

namespace partita::decomposition {
namespace {

double largest(const torch::Tensor& x) { return x.abs().max().item<double>(); }

torch::Tensor random_components(std::int64_t count) {
  return torch::randn({2, count, 3, 5}, torch::kFloat64);
}

/// Roots of magnitudes are no less than zero.
torch::Tensor fit_for(const std::string& name, const torch::Tensor& components) {
  return name == "power" ? components.abs() : components;
}

TEST(Composition, HasThePapersOperatorsAndOthers) {
  EXPECT_THAT(composition_operator_names(),
              testing::IsSupersetOf({"sum", "mean", "min", "max", "power", "logsumexp"}));
}

TEST(Composition, PowersAddUpAsThoseOfTheCodecDo) {
  const torch::Tensor x = random_components(3).abs();
  EXPECT_LE(largest(composition_operator("power")(x) - codec::MelCodec().superpose(x)), 1e-12);
  const torch::Tensor silence = torch::zeros({1, 2, 3, 5}, torch::kFloat64).requires_grad_();
  composition_operator("power")(silence).sum().backward();
  EXPECT_EQ(largest(silence.grad()), 0.0);
}

TEST(Composition, ComputesWhatItsNamesSay) {
  const torch::Tensor x = torch::tensor({1.0, -2.0, 4.0}, torch::kFloat64).view({1, 3, 1, 1});
  const auto value = [&](const char* name) { return composition_operator(name)(x).item<double>(); };
  EXPECT_DOUBLE_EQ(value("sum"), 3.0);
  EXPECT_DOUBLE_EQ(value("mean"), 1.0);
  EXPECT_DOUBLE_EQ(value("min"), -2.0);
  EXPECT_DOUBLE_EQ(value("max"), 4.0);
  EXPECT_NEAR(value("logsumexp"), std::log(std::exp(1.0) + std::exp(-2.0) + std::exp(4.0)), 1e-12);
}

TEST(Composition, DoesNotDependOnTheOrderOfComponents) {
  const torch::Tensor x = random_components(4);
  const torch::Tensor turned = x.index_select(1, torch::tensor({2, 0, 3, 1}));
  for (const std::string& name : composition_operator_names()) {
    const auto compose = [&](const torch::Tensor& components) {
      return composition_operator(name)(fit_for(name, components));
    };
    EXPECT_EQ(compose(x).sizes(), torch::IntArrayRef({2, 3, 5})) << name;
    EXPECT_LE(largest(compose(x) - compose(turned)), 1e-12) << name;
  }
}

TEST(Composition, OfOneComponentIsThatComponent) {
  const torch::Tensor x = random_components(1);
  for (const std::string& name : composition_operator_names()) {
    const torch::Tensor own = fit_for(name, x);
    EXPECT_LE(largest(composition_operator(name)(own) - own.squeeze(1)), 1e-12) << name;
  }
}

TEST(Composition, GradientsAreThoseOfFiniteDifferences) {
  constexpr double kStep = 1e-6;
  for (const std::string& name : composition_operator_names()) {
    const auto compose = [&](const torch::Tensor& components) {
      return composition_operator(name)(fit_for(name, components));
    };
    const torch::Tensor x = random_components(3).requires_grad_();
    const torch::Tensor weight = torch::randn({2, 3, 5}, torch::kFloat64);
    (compose(x) * weight).sum().backward();
    const torch::Tensor direction = torch::randn_like(x);
    const torch::NoGradGuard no_grad;
    const torch::Tensor change = compose(x + kStep * direction) - compose(x - kStep * direction);
    const double expected = (change * weight).sum().item<double>() / (2.0 * kStep);
    EXPECT_NEAR((x.grad() * direction).sum().item<double>(), expected, 1e-5) << name;
    EXPECT_GT(largest(x.grad()), 0.0) << name;
  }
}

TEST(Composition, NamesTheOperatorsThatExist) {
  try {
    (void)composition_operator("product");
    FAIL() << "accepted";
  } catch (const DecompositionError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("'product' is unknown; use one of sum, mean, min, max"));
  }
}

}  // namespace
}  // namespace partita::decomposition
