#include "partita/nn/winograd.hpp"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <vector>

#include "partita/base/autocast.hpp"
#include "partita/nn/error.hpp"
#include "partita/nn/unet.hpp"

namespace partita::nn {
namespace {

struct Shape {
  std::int64_t batch, c_in, c_out, frames, kernel;
};

/// Lengths that tiles of four and of two fill and do not, more tiles than a thread takes at once, odd
/// channels.
const std::vector<Shape> kShapes{{2, 32, 48, 64, 3},  {1, 33, 40, 37, 3},  {3, 48, 32, 1021, 3},
                                 {2, 32, 32, 3, 3},   {2, 32, 48, 64, 5},  {1, 40, 33, 37, 5},
                                 {3, 32, 32, 803, 5}, {2, 32, 32, 1, 5},   {5, 64, 32, 16, 3},
                                 {40, 32, 32, 18, 5}, {1, 32, 32, 5000, 3}};

torch::Tensor direct(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  return torch::conv1d(x, weight, bias, 1, weight.size(2) / 2);
}

/// The largest difference to `exact`, in parts of its largest value.
double error(const torch::Tensor& found, const torch::Tensor& exact) {
  const torch::Tensor wide = exact.to(torch::kFloat64);
  return ((found.to(torch::kFloat64) - wide).abs().max() / wide.abs().max()).item<double>();
}

class Winograd : public ::testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    torch::manual_seed(3);
    const Shape& shape = GetParam();
    x_ = torch::randn({shape.batch, shape.c_in, shape.frames});
    weight_ = torch::randn({shape.c_out, shape.c_in, shape.kernel});
    bias_ = torch::randn({shape.c_out});
  }
  torch::Tensor x_, weight_, bias_;
};

TEST_P(Winograd, IsTheConvolution) {
  const torch::Tensor exact =
      direct(x_.to(torch::kFloat64), weight_.to(torch::kFloat64), bias_.to(torch::kFloat64));
  EXPECT_LT(error(winograd_conv1d(x_, weight_, bias_), exact), 1e-5);
  EXPECT_LT(error(winograd_conv1d(x_, weight_, {}),
                  direct(x_.to(torch::kFloat64), weight_.to(torch::kFloat64), {})),
            1e-5);
}

TEST_P(Winograd, HasItsGradients) {
  const torch::Tensor out = torch::randn({x_.size(0), weight_.size(0), x_.size(2)});
  const auto gradients = [&](torch::Dtype type, const auto& convolution) {
    std::vector<torch::Tensor> leaves;
    for (const auto& tensor : {x_, weight_, bias_})
      leaves.push_back(tensor.to(type).clone().requires_grad_());
    convolution(leaves[0], leaves[1], leaves[2]).backward(out.to(type));
    return std::vector<torch::Tensor>{leaves[0].grad(), leaves[1].grad(), leaves[2].grad()};
  };
  const auto exact = gradients(torch::kFloat64, direct), found = gradients(torch::kFloat32, winograd_conv1d);
  for (std::size_t i = 0; i < exact.size(); ++i)
    EXPECT_LT(error(found[i], exact[i]), 1e-5) << "gradient " << i;
}

TEST_P(Winograd, GivesEveryRunTheSameBits) {
  EXPECT_TRUE(winograd_conv1d(x_, weight_, bias_).equal(winograd_conv1d(x_.clone(), weight_.clone(), bias_)));
}

INSTANTIATE_TEST_SUITE_P(Shapes, Winograd, ::testing::ValuesIn(kShapes), [](const auto& tested) {
  const Shape& shape = tested.param;
  return fmt::format("{}x{}to{}x{}kernel{}", shape.batch, shape.c_in, shape.c_out, shape.frames,
                     shape.kernel);
});

TEST(WinogradConvolution, TakesInputsThatAreLaidOtherwise) {
  const torch::Tensor x = torch::randn({2, 96, 32}).transpose(1, 2),
                      weight = torch::randn({3, 64, 32}).permute({1, 2, 0});
  EXPECT_LT(error(winograd_conv1d(x, weight, {}), direct(x, weight, {})), 1e-5);
}

TEST(WinogradConvolution, LeavesOutGradientsThatNobodyWants) {
  const torch::Tensor x = torch::randn({1, 32, 40}), weight = torch::randn({32, 32, 3}).requires_grad_();
  winograd_conv1d(x, weight, {}).sum().backward();
  EXPECT_FALSE(x.grad().defined());
  EXPECT_TRUE(weight.grad().defined());
}

TEST(WinogradConvolution, IsDifferentiableTwice) {
  const torch::Tensor x = torch::randn({1, 32, 24}), weight = 0.1 * torch::randn({32, 32, 3});
  const auto second = [&](const auto& convolution) {
    const torch::Tensor leaf = x.clone().requires_grad_();
    const torch::Tensor value = convolution(leaf, weight, torch::Tensor()).square().sum();
    const torch::Tensor first = torch::autograd::grad({value}, {leaf}, {}, true, true)[0];
    return torch::autograd::grad({first.square().sum()}, {leaf})[0];
  };
  EXPECT_LT(error(second(winograd_conv1d), second(direct)), 1e-5);
}

TEST(WinogradConvolution, IsForWideFloat32AndKernelsOf3And5) {
  const auto fits = [](const torch::Tensor& x, std::int64_t c_out, std::int64_t kernel, torch::Dtype type) {
    return winograd_fits(x.to(type), torch::zeros({c_out, x.size(1), kernel}, type));
  };
  const torch::Tensor x = torch::zeros({1, 64, 32});
  EXPECT_TRUE(fits(x, 64, 3, torch::kFloat32));
  EXPECT_TRUE(fits(x, 64, 5, torch::kFloat32));
  EXPECT_FALSE(fits(x, 64, 1, torch::kFloat32));
  EXPECT_FALSE(fits(x, 64, 7, torch::kFloat32));
  EXPECT_FALSE(fits(x, 64, 3, torch::kFloat64));
  EXPECT_FALSE(fits(x, 2, 3, torch::kFloat32));
  EXPECT_FALSE(fits(x.narrow(2, 0, 4), 64, 3, torch::kFloat32));
  const Autocast autocast(torch::kCPU, true);
  EXPECT_FALSE(fits(x, 64, 3, torch::kFloat32));
}

TEST(WinogradConvolution, RefusesWhatItCannotTake) {
  const torch::Tensor x = torch::zeros({1, 32, 20}), weight = torch::zeros({32, 32, 3});
  EXPECT_THROW((void)winograd_conv1d(x[0], weight, {}), NetworkError);
  EXPECT_THROW((void)winograd_conv1d(x.narrow(1, 0, 31), weight, {}), NetworkError);
  EXPECT_THROW((void)winograd_conv1d(x.to(torch::kFloat64), weight, {}), NetworkError);
  EXPECT_THROW((void)winograd_conv1d(x.narrow(2, 0, 0), weight, {}), NetworkError);
  EXPECT_THROW((void)winograd_conv1d(x, torch::zeros({32, 32, 7}), {}), NetworkError);
  EXPECT_THROW((void)winograd_conv1d(x, weight, torch::zeros({31})), NetworkError);
}

TEST(WinogradConvolution, IsOffWhenSwitchedOff) {
  torch::manual_seed(5);
  UNetOptions options;
  options.channels = {32, 32, 48};
  options.kernels = {5, 3};
  options.strides = {2, 2};
  options.attn = {false, false};
  options.tcond_dim = 0;
  UNet unet(options);
  unet->eval();
  const torch::NoGradGuard no_gradient;
  const torch::Tensor x = torch::randn({2, 32, 128}), alpha = torch::full({2}, 0.5F);
  ASSERT_TRUE(winograd_enabled());
  const torch::Tensor on = unet->forward(x, alpha, {});
  set_winograd(false);
  const torch::Tensor off = unet->forward(x, alpha, {});
  set_winograd(true);
  EXPECT_FALSE(on.equal(off));
  EXPECT_LT(error(on, off), 1e-5);
}

}  // namespace
}  // namespace partita::nn
