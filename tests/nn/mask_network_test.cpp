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

torch::Tensor latents(std::int64_t frames) {
  return torch::rand({2, 6, frames}, make_generator(3, "latents"));
}

TEST(MaskNetwork, SharesEveryLatentOutAmongTheComponents) {
  MaskNetwork network(small());
  for (const std::int64_t frames : {1, 2, 17, 40}) {
    const torch::Tensor masks = network->forward(latents(frames));
    ASSERT_EQ(masks.sizes().vec(), (std::vector<std::int64_t>{2, 3, 6, frames}));
    EXPECT_GT(masks.min().item<float>(), 0.0F);
    EXPECT_TRUE(torch::allclose(masks.sum(1), torch::ones({2, 6, frames})));
  }
}

TEST(MaskNetwork, EveryParameterLearns) {
  MaskNetwork network(small());
  network->forward(latents(20)).square().sum().backward();
  for (const auto& item : network->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_GT(item.value().grad().abs().max().item<float>(), 0.0F) << item.key();
  }
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
  MaskNetwork network(small());
  EXPECT_THROW((void)network->forward(torch::rand({2, 5, 8})), NetworkError);
  EXPECT_THROW((void)network->forward(torch::rand({2, 6, 0})), NetworkError);
  EXPECT_THROW((void)network->forward(torch::rand({6, 8})), NetworkError);
}

}  // namespace
}  // namespace partita::nn
