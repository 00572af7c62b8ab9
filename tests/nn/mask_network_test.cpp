#include "partita/nn/mask_network.hpp"

#include <gtest/gtest.h>

#include "partita/base/random.hpp"

namespace partita::nn {
namespace {

MaskNetworkOptions small() {
  MaskNetworkOptions options;
  options.in_dim = 6;
  options.n_comp = 3;
  options.channels = 16;
  options.dilations = {1, 4};
  return options;
}

MaskNetworkOptions plane() {
  MaskNetworkOptions options;
  options.in_dim = 6;  // no multiple of what the scales need
  options.n_comp = 3;
  options.widths = {8, 16, 8};
  return options;
}

class MaskNetworks : public testing::TestWithParam<MaskNetworkOptions> {};

INSTANTIATE_TEST_SUITE_P(StackAndPlane, MaskNetworks, testing::Values(small(), plane()));

torch::Tensor latents(std::int64_t frames) {
  return torch::rand({2, 6, frames}, make_generator(3, "latents"));
}

TEST_P(MaskNetworks, ShareEveryLatentOutAmongTheComponents) {
  MaskNetwork network(GetParam());
  for (const std::int64_t frames : {1, 2, 17, 40}) {
    const torch::Tensor masks = network->forward(latents(frames));
    ASSERT_EQ(masks.sizes().vec(), (std::vector<std::int64_t>{2, 3, 6, frames}));
    EXPECT_GT(masks.min().item<float>(), 0.0F);
    EXPECT_TRUE(torch::allclose(masks.sum(1), torch::ones({2, 6, frames})));
  }
}

TEST_P(MaskNetworks, HaveNoParameterThatDoesNotLearn) {
  MaskNetwork network(GetParam());
  network->forward(latents(20)).square().sum().backward();
  for (const auto& item : network->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_GT(item.value().grad().abs().max().item<float>(), 0.0F) << item.key();
  }
}

TEST(MaskNetwork, PlaneHearsALongWayOverBandsAndFrames) {
  MaskNetworkOptions options = plane();
  options.in_dim = 32;
  MaskNetwork network(options);
  torch::Tensor x = torch::rand({1, 32, 64}, make_generator(3, "latents")).set_requires_grad(true);
  network->forward(x)[0][0][2][30].backward();
  const torch::Tensor felt = x.grad()[0].abs();
  EXPECT_GT(felt.select(0, 14).max().item<float>(), 0.0F) << "twelve bands away";
  EXPECT_GT(felt.select(1, 18).max().item<float>(), 0.0F) << "twelve frames away";
}

TEST(MaskNetwork, OptionsAndShapesThatDoNotFitAreRefused) {
  const auto refused = [](auto change) {
    MaskNetworkOptions options = small();
    change(options);
    EXPECT_THROW(MaskNetwork{options}, NetworkError);
  };
  refused([](MaskNetworkOptions& o) { o.channels = 12; });
  refused([](MaskNetworkOptions& o) { o.channels = 0; });
  refused([](MaskNetworkOptions& o) { o.kernel = 2; });
  refused([](MaskNetworkOptions& o) { o.dilations = {}; });
  refused([](MaskNetworkOptions& o) { o.dilations = {1, 0}; });
  refused([](MaskNetworkOptions& o) { o.n_comp = 0; });
  refused([](MaskNetworkOptions& o) { o.widths = {16, 12}; });
  MaskNetwork network(small());
  EXPECT_THROW((void)network->forward(torch::rand({2, 5, 8})), NetworkError);
  EXPECT_THROW((void)network->forward(torch::rand({2, 6, 0})), NetworkError);
  EXPECT_THROW((void)network->forward(torch::rand({6, 8})), NetworkError);
}

}  // namespace
}  // namespace partita::nn
