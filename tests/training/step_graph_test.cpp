#include "../../src/training/step_graph.hpp"

#include <gtest/gtest.h>
#include <torch/cuda.h>
#include <torch/nn.h>

#include "partita/base/random.hpp"

namespace partita::training {
namespace {

Inputs inputs_of(std::uint64_t step, std::int64_t batch = 4) {
  return {torch::randn({batch, 3}, make_generator(1, "x", step)),
          torch::randn({batch, 2}, make_generator(1, "y", step))};
}

/// A small network and a pass of it on a device.
struct Trained {
  explicit Trained(torch::Device device)
      : network(torch::nn::Linear(3, 8), torch::nn::Tanh(), torch::nn::Dropout(0.3),
                torch::nn::Linear(8, 2)) {
    const torch::NoGradGuard no_grad;
    for (torch::Tensor& parameter : network->parameters())
      parameter.copy_(torch::randn(parameter.sizes(), make_generator(2, "weights")));
    network->to(device);
  }
  torch::Tensor pass(const Inputs& inputs) {
    const torch::Tensor loss = torch::mse_loss(network->forward(inputs[0]), inputs[1]);
    loss.backward();
    return loss.detach();
  }
  void zero_gradients() {
    for (torch::Tensor& parameter : network->parameters()) {
      if (parameter.grad().defined()) parameter.mutable_grad().zero_();
    }
  }
  torch::nn::Sequential network;
};

/// Losses and gradients of passes as they are and by the graph, with weights that change between them.
void expect_same_passes(torch::Device device, double tolerance) {
  Trained plain(device), graphed(device);
  StepGraph graph(device, [&](const Inputs& inputs) { return graphed.pass(inputs); });
  for (std::uint64_t step = 0; step < 8; ++step) {
    Inputs inputs = inputs_of(step);
    for (torch::Tensor& input : inputs) input = input.to(device);
    plain.zero_gradients();
    graphed.zero_gradients();
    for (int slice = 0; slice < 2; ++slice) {  // gradients add up
      torch::manual_seed(step);
      const double expected = plain.pass(inputs).item<double>();
      torch::manual_seed(step);
      EXPECT_NEAR(graph.run(inputs).item<double>(), expected, tolerance) << step;
    }
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < plain.network->parameters().size(); ++i) {
      torch::Tensor a = plain.network->parameters()[i], b = graphed.network->parameters()[i];
      EXPECT_LE((a.grad() - b.grad()).abs().max().item<double>(), tolerance) << step;
      a.sub_(a.grad(), 0.1);
      b.sub_(b.grad(), 0.1);
    }
  }
}

TEST(StepGraph, PassesAreThoseWithoutOne) { expect_same_passes(torch::kCPU, 0.0); }

TEST(StepGraph, RecordedPassesAreThoseWithoutRecording) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  expect_same_passes({torch::kCUDA, 0}, 1e-6);
}

TEST(StepGraph, OtherShapesAreRefusedUntilItForgets) {
  Trained trained(torch::kCPU);
  StepGraph graph(torch::kCPU, [&](const Inputs& inputs) { return trained.pass(inputs); });
  graph.run(inputs_of(0));
  EXPECT_THROW(graph.run(inputs_of(1, 5)), TrainingError);
  graph.forget();
  EXPECT_GT(graph.run(inputs_of(1, 5)).item<double>(), 0.0);
}

TEST(StepGraph, LeavesTheInputsAsTheyAre) {
  StepGraph graph(torch::kCPU, [](const Inputs& inputs) {
    inputs[0].zero_();
    return inputs[1].sum();
  });
  const Inputs inputs = inputs_of(3), before = inputs_of(3);
  graph.run(inputs);
  EXPECT_TRUE(torch::equal(inputs[0], before[0]));
}

}  // namespace
}  // namespace partita::training
