#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partita/nn/code_prior.hpp"
#include "partita/nn/vq_vae.hpp"

namespace partita::nn {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

VqVaeOptions tiny(std::int64_t blocks) {
  VqVaeOptions options;
  options.in_dim = 12;
  options.bands = 4;
  options.frames = 2;
  options.channels = 8;
  options.blocks = blocks;
  options.quantizer = {8, 4, 0.9};
  return options;
}

TEST(VqVae, OneCodeAPatchRowByRow) {
  torch::manual_seed(1);
  VqVae network(tiny(0));
  const torch::Tensor x = torch::rand({3, 12, 6});
  network->forward(x);  // the codebook begins
  network->eval();
  const torch::Tensor codes = network->encode(x);
  ASSERT_EQ(codes.sizes(), torch::IntArrayRef({3, 9}));
  // Without blocks a code depends on its patch alone: row 2 of step 1 is position 1 · 3 + 2.
  torch::Tensor changed = torch::zeros({9}, torch::kBool);
  for (int i = 0; i < 20; ++i) {
    torch::Tensor other = x.clone();
    other.slice(1, 8, 12).slice(2, 2, 4).copy_(3.0 * torch::rand({3, 4, 2}));
    changed = changed.logical_or((network->encode(other) != codes).any(0));
  }
  EXPECT_TRUE(changed[5].item<bool>());
  EXPECT_EQ(changed.sum().item<std::int64_t>(), 1);
}

TEST(VqVae, DecodesWhatItReconstructs) {
  torch::manual_seed(2);
  VqVae network(tiny(1));
  const torch::Tensor x = torch::rand({2, 12, 8});
  network->forward(x);
  network->eval();
  const auto coded = network->forward(x);
  EXPECT_TRUE(torch::equal(coded.codes, network->encode(x)));
  EXPECT_TRUE(torch::allclose(coded.reconstruction, network->decode(coded.codes), 1e-4, 1e-5));
  EXPECT_EQ(coded.reconstruction.sizes(), x.sizes());
  EXPECT_GE(coded.reconstruction.min().item<double>(), 0.0);
}

TEST(VqVae, RefusesWhatDoesNotFit) {
  const auto refused = [](const auto& call, const char* what) {
    EXPECT_THAT(call, ThrowsMessage<NetworkError>(HasSubstr(what)));
  };
  VqVaeOptions options = tiny(0);
  options.bands = 5;
  refused([&] { VqVae{options}; }, "do not divide");
  VqVae network(tiny(0));
  refused([&] { network->forward(torch::zeros({1, 11, 4})); }, "[1, 11, 4]");
  refused([&] { network->forward(torch::zeros({1, 12, 3})); }, "multiple of 2");
  refused([&] { (void)network->decode(torch::zeros({1, 4}, torch::kLong)); }, "multiple of 3");
  refused([&] { (void)network->decode(torch::full({1, 3}, 8, torch::kLong)); }, "0 to 7");
}

CodePriorOptions tiny_prior() {
  CodePriorOptions options;
  options.codes = 7;
  options.rows = 3;
  options.steps = 4;
  options.channels = 12;
  options.heads = 2;
  options.layers = 2;
  return options;
}

TEST(CodePrior, CachedIsUncached) {
  torch::manual_seed(3);
  CodePrior prior(tiny_prior());
  const torch::NoGradGuard no_grad;
  const torch::Tensor codes = torch::randint(7, {5, 12}, torch::kLong);
  const torch::Tensor whole = prior->forward(codes);
  CodePriorCache cache;
  for (std::int64_t position = 0; position < 12; ++position) {
    const torch::Tensor last = codes.select(1, std::max<std::int64_t>(0, position - 1));
    EXPECT_TRUE(torch::allclose(prior->next(last, cache), whole.select(1, position), 1e-4, 1e-5)) << position;
  }
}

TEST(CodePrior, HearsOnlyWhatCameBefore) {
  torch::manual_seed(4);
  CodePrior prior(tiny_prior());
  const torch::NoGradGuard no_grad;
  const torch::Tensor codes = torch::randint(7, {1, 12}, torch::kLong);
  torch::Tensor other = codes.clone();
  other[0][6] = (other[0][6] + 1).remainder(7);
  const torch::Tensor difference = (prior->forward(codes) - prior->forward(other)).abs().amax(2)[0];
  EXPECT_EQ(difference.slice(0, 0, 7).max().item<double>(), 0.0);
  EXPECT_GT(difference.slice(0, 7).min().item<double>(), 0.0);
}

TEST(CodePrior, RefusesWhatDoesNotFit) {
  const auto refused = [](const auto& call, const char* what) {
    EXPECT_THAT(call, ThrowsMessage<NetworkError>(HasSubstr(what)));
  };
  CodePriorOptions options = tiny_prior();
  options.heads = 5;
  refused([&] { CodePrior{options}; }, "heads");
  options = tiny_prior();
  options.layers = 0;
  refused([&] { CodePrior{options}; }, "layers");
  CodePrior prior(tiny_prior());
  refused([&] { prior->forward(torch::zeros({1, 13}, torch::kLong)); }, "12 positions");
  CodePriorCache cache;
  (void)prior->next(torch::zeros({2}, torch::kLong), cache);
  refused([&] { (void)prior->next(torch::zeros({3}, torch::kLong), cache); }, "same rows");
}

}  // namespace
}  // namespace partita::nn
