#include "partita/training/optimizer.hpp"

#include <gtest/gtest.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>

#include "partita/base/random.hpp"
#include "partita/training/ema.hpp"

namespace partita::training {
namespace {

torch::nn::Sequential network(std::uint64_t seed) {
  torch::manual_seed(seed);
  return torch::nn::Sequential(torch::nn::Conv1d(3, 5, 3), torch::nn::SiLU(), torch::nn::Conv1d(5, 2, 1));
}

torch::Tensor loss_of(torch::nn::Sequential& net, std::uint64_t step) {
  const torch::Tensor x = torch::randn({4, 3, 9}, make_generator(3, "x", step));
  return net->forward(x).square().mean();
}

void expect_close(torch::nn::Sequential& a, torch::nn::Sequential& b, double tolerance) {
  const auto pa = a->parameters();
  const auto pb = b->parameters();
  ASSERT_EQ(pa.size(), pb.size());
  for (std::size_t i = 0; i < pa.size(); ++i)
    EXPECT_LE((pa[i] - pb[i]).abs().max().item<double>(), tolerance);
}

/// In one pass, and operation by operation.
class AdamWUpdate : public testing::TestWithParam<bool> {};

TEST_P(AdamWUpdate, EqualsTorchOverTwentySteps) {
  torch::nn::Sequential ours = network(1);
  torch::nn::Sequential theirs = network(1);
  AdamW optimizer(*ours, {0.9, 0.99, 1e-8, 0.1, GetParam()});
  torch::optim::AdamW reference(
      theirs->parameters(),
      torch::optim::AdamWOptions(1e-2).betas(std::make_tuple(0.9, 0.99)).eps(1e-8).weight_decay(0.1));
  for (std::uint64_t step = 0; step < 20; ++step) {
    optimizer.zero_grad();
    loss_of(ours, step).backward();
    optimizer.step(1e-2);
    reference.zero_grad();
    loss_of(theirs, step).backward();
    reference.step();
  }
  expect_close(ours, theirs, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Fused, AdamWUpdate, testing::Bool());

TEST(AdamW, ClipsTheGlobalNormAsTorch) {
  torch::nn::Sequential ours = network(2);
  torch::nn::Sequential theirs = network(2);
  AdamW optimizer(*ours, {});
  loss_of(ours, 0).backward();
  loss_of(theirs, 0).backward();
  const double norm = optimizer.clip_gradients(0.01).item<double>();
  EXPECT_NEAR(norm, torch::nn::utils::clip_grad_norm_(theirs->parameters(), 0.01), 1e-6);
  for (std::size_t i = 0; i < ours->parameters().size(); ++i) {
    EXPECT_TRUE(torch::allclose(ours->parameters()[i].grad(), theirs->parameters()[i].grad(), 1e-5, 1e-8));
  }
  EXPECT_NEAR(optimizer.clip_gradients(0.0).item<double>(), 0.01, 1e-6);
}

TEST(AdamW, SkipsParametersWithoutGradient) {
  torch::nn::Sequential net = network(3);
  const torch::Tensor before = net->parameters().back().clone();
  AdamW optimizer(*net, {});
  net->parameters().front().sum().backward();
  optimizer.step(0.1);
  EXPECT_TRUE(torch::equal(net->parameters().back(), before));
}

TEST(AdamW, StateMovesToAnotherOptimizer) {
  torch::nn::Sequential one = network(4);
  torch::nn::Sequential two = network(4);
  AdamW first(*one, {});
  AdamW second(*two, {});
  loss_of(one, 0).backward();
  loss_of(two, 0).backward();
  first.step(1e-2);
  {
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < one->parameters().size(); ++i)
      two->parameters()[i].copy_(one->parameters()[i]);
  }
  second.load_state(first.state(), first.steps());
  first.step(1e-2);
  second.step(1e-2);
  expect_close(one, two, 0.0);
}

TEST(AdamW, RefusesStateOfAnotherModel) {
  torch::nn::Sequential net = network(5);
  AdamW optimizer(*net, {});
  io::TensorMap state = optimizer.state();
  state.erase("exp_avg.0.weight");
  EXPECT_THROW(optimizer.load_state(state, 1), TrainingError);
  state = optimizer.state();
  state["exp_avg.0.weight"] = torch::zeros({2});
  EXPECT_THROW(optimizer.load_state(state, 1), TrainingError);
  state = optimizer.state();
  state["exp_avg.other"] = torch::zeros({2});
  EXPECT_THROW(optimizer.load_state(state, 1), TrainingError);
}

TEST(Schedule, WarmsUpLinearlyAndFallsByACosine) {
  const Stage stage{"diffusion", 110, 1.0, 0.1, 10};
  EXPECT_DOUBLE_EQ(learning_rate(stage, 0), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(stage, 9), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(stage, 10), 1.0);
  EXPECT_NEAR(learning_rate(stage, 60), 0.55, 1e-12);
  EXPECT_NEAR(learning_rate(stage, 110), 0.1, 1e-12);
  EXPECT_NEAR(learning_rate(stage, 500), 0.1, 1e-12);
}

TEST(Schedule, IsConstantWhenBothRatesAgree) {
  const Stage stage{"autoencoder", 50, 0.3, 0.3, 0};
  for (std::int64_t step = 0; step < 50; ++step) EXPECT_DOUBLE_EQ(learning_rate(stage, step), 0.3);
}

TEST(Ema, AveragesAndSwaps) {
  torch::nn::Sequential net = network(6);
  const torch::Tensor start = net->parameters()[0].detach().clone();
  Ema ema(*net, 0.5);
  {
    const torch::NoGradGuard no_grad;
    net->parameters()[0].add_(1.0);
  }
  ema.update(100);  // far from the start: the full decay
  const io::TensorMap averages = ema.state();
  EXPECT_TRUE(torch::allclose(averages.at("0.weight"), start + 0.5));
  {
    const EmaScope scope(&ema);
    EXPECT_TRUE(torch::allclose(net->parameters()[0], start + 0.5));
  }
  EXPECT_TRUE(torch::equal(net->parameters()[0], start + 1.0));
}

}  // namespace
}  // namespace partita::training
