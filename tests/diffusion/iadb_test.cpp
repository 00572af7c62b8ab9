#include "partita/diffusion/iadb.hpp"

#include <gtest/gtest.h>

#include "partita/base/interrupt.hpp"
#include "partita/diffusion/sampler.hpp"
#include "support/golden_options.hpp"

namespace partita::diffusion {
namespace {

constexpr std::int64_t kGoldenSteps = 10;

/// Clears the request whatever the test does.
struct InterruptRequest {
  InterruptRequest() { request_interrupt(true); }
  ~InterruptRequest() { request_interrupt(false); }
};

/// The states after each step against the golden ones `[step, ...]`.
void expect_trajectory(Variant variant, const Network& network, const torch::Tensor& base,
                       const torch::Tensor& expected, const std::string& what) {
  ASSERT_EQ(expected.size(0), kGoldenSteps);
  const StepHook compare = [&](std::int64_t step, const torch::Tensor& state) {
    golden::expect_close(state, expected[step - 1], fmt::format("{}, step {}", what, step));
    return state;
  };
  const torch::Tensor last = sample({variant, kGoldenSteps}, network, base, compare);
  golden::expect_close(last, expected[kGoldenSteps - 1], what);
}

TEST(IadbGolden, TrajectoriesAreTheReferences) {
  const io::SafetensorsFile file(golden::golden_path("decomposition.safetensors"));
  const io::TensorMap tensors = file.tensors("shared/");
  nn::UNet unet(golden::unet_options(file.metadata().at("unet")));
  io::load_state(*unet, file.tensors("shared/weights/unet."), "unet");
  unet->eval();
  const torch::Tensor& z = tensors.at("z");
  const auto component = [&](std::int64_t k) {
    return [&, k](const torch::Tensor& x, const torch::Tensor& alpha) {
      return unet->forward(x, alpha, z.select(1, k));
    };
  };
  const Network composed = [&](const torch::Tensor& x, const torch::Tensor& alpha) {
    return 0.5 * (component(0)(x, alpha) + component(1)(x, alpha));
  };
  for (const auto& [variant, letter] : {std::pair{Variant::C, 'c'}, std::pair{Variant::D, 'd'}}) {
    const std::string prefix = fmt::format("trajectory_{}/", letter);
    const torch::Tensor& base = tensors.at("base");
    expect_trajectory(variant, composed, base, tensors.at(prefix + "composed"), prefix + "composed");
    for (std::int64_t k = 0; k < 2; ++k) {
      const std::string name = fmt::format("{}component_{}", prefix, k);
      expect_trajectory(variant, component(k), base, tensors.at(name), name);
    }
  }
}

TEST(Iadb, BlendsFromBaseToData) {
  const torch::Tensor x = torch::randn({3, 2, 4, 5});
  const torch::Tensor base = torch::randn_like(x);
  EXPECT_TRUE(torch::equal(blend(x, base, torch::zeros({3})), base));
  golden::expect_close(blend(x, base, torch::ones({3})), x, "alpha 1");
  const torch::Tensor mixed = blend(x, base, torch::tensor({0.0F, 0.25F, 1.0F}));
  golden::expect_close(mixed[1], 0.25 * x[1] + 0.75 * base[1], "alpha 0.25");
}

TEST(Iadb, LossIsZeroAtTheTargetAndItsMeanSquareElsewhere) {
  const torch::Tensor x = torch::randn({2, 3, 4});
  const torch::Tensor base = torch::randn_like(x);
  EXPECT_EQ(loss(Variant::C, x, x, base).item<float>(), 0.0F);
  EXPECT_EQ(loss(Variant::D, x - base, x, base).item<float>(), 0.0F);
  EXPECT_NEAR(loss(Variant::C, x + 2.0, x, base).item<float>(), 4.0F, 1e-5F);
  EXPECT_NEAR(loss(Variant::D, x - base - 3.0, x, base).item<float>(), 9.0F, 1e-5F);
}

TEST(Iadb, ExactPredictionsReachTheData) {
  const torch::Tensor x = torch::randn({2, 3, 4});
  const torch::Tensor base = torch::randn_like(x);
  const Network clean = [&](const torch::Tensor&, const torch::Tensor&) { return x; };
  const Network direction = [&](const torch::Tensor&, const torch::Tensor&) { return x - base; };
  for (const std::int64_t steps : {1, 2, 7, 50}) {
    golden::expect_close(sample({Variant::C, steps}, clean, base), x, "c");
    golden::expect_close(sample({Variant::D, steps}, direction, base), x, "d");
  }
}

TEST(Iadb, WalksThroughTheNoiseLevelsInOrder) {
  std::vector<float> levels;
  const Network network = [&](const torch::Tensor& x, const torch::Tensor& alpha) {
    EXPECT_EQ(alpha.size(0), 2);
    levels.push_back(alpha[1].item<float>());
    return x;
  };
  std::vector<std::int64_t> steps;
  const StepHook hook = [&](std::int64_t step, const torch::Tensor& state) {
    steps.push_back(step);
    return step == 4 ? torch::full_like(state, 5.0) : state;
  };
  const torch::Tensor last = sample({Variant::C, 4}, network, torch::zeros({2, 1, 3}), hook);
  EXPECT_EQ(levels, (std::vector<float>{0.0F, 0.25F, 0.5F, 0.75F}));
  EXPECT_EQ(steps, (std::vector<std::int64_t>{1, 2, 3, 4}));
  EXPECT_TRUE(torch::equal(last, torch::full({2, 1, 3}, 5.0)));
}

TEST(Iadb, RefusesWhatDoesNotFit) {
  const torch::Tensor x = torch::randn({2, 3, 4});
  const Network same = [](const torch::Tensor& state, const torch::Tensor&) { return state; };
  const Network narrow = [](const torch::Tensor& state, const torch::Tensor&) { return state[0]; };
  const StepHook nothing = [](std::int64_t, const torch::Tensor&) { return torch::Tensor(); };
  EXPECT_EQ(parse_variant("c"), Variant::C);
  EXPECT_EQ(parse_variant("d"), Variant::D);
  EXPECT_THROW((void)parse_variant("e"), DiffusionError);
  EXPECT_THROW((void)blend(x, x[0], torch::rand({2})), DiffusionError);
  EXPECT_THROW((void)blend(x, x, torch::rand({2, 1})), DiffusionError);
  EXPECT_THROW((void)loss(Variant::C, x[0], x, x), DiffusionError);
  EXPECT_THROW((void)sample({Variant::C, 0}, same, x), DiffusionError);
  EXPECT_THROW((void)sample({Variant::C, 2}, same, {}), DiffusionError);
  EXPECT_THROW((void)sample({Variant::C, 2}, narrow, x), DiffusionError);
  EXPECT_THROW((void)sample({Variant::C, 2}, same, x, nothing), DiffusionError);
}

TEST(Iadb, StopsWhenAskedTo) {
  const InterruptRequest request;
  const Network same = [](const torch::Tensor& state, const torch::Tensor&) { return state; };
  EXPECT_THROW((void)sample({Variant::C, 2}, same, torch::zeros({1, 1, 1})), Interrupted);
}

}  // namespace
}  // namespace partita::diffusion
