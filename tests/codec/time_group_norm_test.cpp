#include "../../src/codec/time_group_norm.hpp"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>

namespace partita::codec {
namespace {

class TimeGroupNorm : public testing::TestWithParam<std::vector<std::int64_t>> {};

TEST_P(TimeGroupNorm, EqualsTorchsWithOneGroup) {
  torch::manual_seed(3);
  const torch::Tensor x = 5.0 * torch::randn(GetParam()) + 2.0;
  const torch::Tensor weight = torch::randn({x.size(2)}), bias = torch::randn({x.size(2)});
  const torch::Tensor expected =
      torch::group_norm(x.transpose(1, 2).contiguous(), 1, weight, bias, 1e-5).transpose(1, 2);
  torch::Tensor y = x.clone();
  normalise_in_place(y, weight, bias, 1e-5);
  EXPECT_LE((y - expected).abs().max().item<double>(), 1e-5);
  // The same to the last bit whatever the cores.
  const int threads = at::get_num_threads();
  at::set_num_threads(threads == 1 ? 2 : 1);
  torch::Tensor again = x.clone();
  normalise_in_place(again, weight, bias, 1e-5);
  at::set_num_threads(threads);
  EXPECT_TRUE(torch::equal(y, again));
}
INSTANTIATE_TEST_SUITE_P(Shapes, TimeGroupNorm,
                         testing::Values(std::vector<std::int64_t>{1, 48000, 32},
                                         std::vector<std::int64_t>{3, 151, 512},
                                         std::vector<std::int64_t>{2, 1, 7},
                                         std::vector<std::int64_t>{1, 40000, 1}));

TEST(TimeGroupNormOfSilence, IsTheBias) {
  torch::Tensor x = torch::full({1, 100, 4}, 3.0F);
  const torch::Tensor bias = torch::randn({4});
  normalise_in_place(x, torch::ones({4}), bias, 1e-5);
  // What rounding leaves of 3 / sqrt(1e-5) minus itself.
  EXPECT_TRUE(torch::allclose(x, bias.expand({1, 100, 4}), 0.0, 2e-4));
}

}  // namespace
}  // namespace partita::codec
