#include "partita/nn/vector_quantizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partita/base/random.hpp"
#include "partita/io/safetensors.hpp"

namespace partita::nn {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr std::int64_t kCodes = 6, kDimension = 3;

VectorQuantizer quantizer(double decay = 0.9) {
  return VectorQuantizer(VectorQuantizerOptions{kCodes, kDimension, decay});
}

TEST(VectorQuantizer, BeginsByKMeans) {
  const torch::Tensor vectors = torch::randn({200, kDimension}, make_generator(1, "vectors"));
  torch::manual_seed(1);
  const torch::Tensor chosen = vectors.index_select(0, torch::randperm(200).narrow(0, 0, kCodes));
  const double at_random = torch::cdist(vectors, chosen).amin(1).square().mean().item<double>() / kDimension;
  torch::manual_seed(1);
  EXPECT_LT(quantizer()->forward(vectors).commitment.item<double>(), 0.8 * at_random);
  // As many vectors as codes: each is its own.
  EXPECT_NEAR(quantizer()->forward(vectors.narrow(0, 0, kCodes)).commitment.item<double>(), 0.0, 1e-12);
}

TEST(VectorQuantizer, TakesTheNearestCode) {
  torch::manual_seed(2);
  VectorQuantizer one = quantizer();
  one->forward(torch::randn({50, kDimension}));
  one->eval();
  const torch::Tensor vectors = torch::randn({40, kDimension});
  const torch::Tensor embed = io::state_of(*one).at("embed");
  EXPECT_TRUE(torch::equal(one->encode(vectors), torch::cdist(vectors, embed).argmin(1)));
  const auto quantized = one->forward(vectors);
  EXPECT_TRUE(torch::allclose(quantized.vectors, one->decode(quantized.codes), 1e-5, 1e-6));
  EXPECT_NEAR(quantized.commitment.item<double>(),
              (vectors - one->decode(quantized.codes)).square().mean().item<double>(), 1e-6);
}

TEST(VectorQuantizer, FollowsByMovingAverages) {
  torch::manual_seed(3);
  VectorQuantizer one = quantizer(0.9);
  one->forward(torch::randn({600, kDimension}));  // large enough that no code dies
  const auto copied = [&](const char* name) {
    return io::state_of(*one).at(name).to(torch::kFloat64).clone();
  };
  const torch::Tensor size = copied("cluster_size"), sum = copied("embed_sum");
  const torch::Tensor vectors = torch::randn({600, kDimension});
  const torch::Tensor codes = one->encode(vectors);
  one->forward(vectors);
  torch::Tensor count = torch::zeros_like(size), total = torch::zeros_like(sum);
  for (std::int64_t i = 0; i < 600; ++i) {
    const auto code = codes[i].item<std::int64_t>();
    count[code] += 1.0;
    total[code] += vectors[i].to(torch::kFloat64);
  }
  const torch::Tensor new_size = 0.9 * size + 0.1 * count, new_sum = 0.9 * sum + 0.1 * total;
  const torch::Tensor n = new_size.sum();
  const torch::Tensor smoothed = (new_size + 1e-5) / (n + kCodes * 1e-5) * n;
  EXPECT_TRUE(torch::allclose(copied("cluster_size"), new_size, 1e-5, 1e-5));
  EXPECT_TRUE(torch::allclose(copied("embed"), new_sum / smoothed.unsqueeze(1), 1e-4, 1e-5));
}

TEST(VectorQuantizer, CodesOutOfUseBeginAnewAtVectorsOfTheBatch) {
  torch::manual_seed(4);
  VectorQuantizer one = quantizer(0.5);
  one->forward(torch::randn({60, kDimension}));
  torch::Tensor far = io::state_of(*one).at("embed").clone();
  io::TensorMap state = io::state_of(*one);
  far[2].fill_(1e3);
  state["embed"] = far;
  state["cluster_size"] = state.at("cluster_size").clone();
  state["cluster_size"][2] = 0.5;
  io::load_state(*one, state, "test");
  const torch::Tensor vectors = torch::randn({60, kDimension});
  one->forward(vectors);
  const torch::Tensor revived = io::state_of(*one).at("embed")[2];
  EXPECT_EQ((vectors - revived).abs().sum(1).min().item<double>(), 0.0);
  EXPECT_EQ(io::state_of(*one).at("cluster_size")[2].item<double>(), 1.0);
}

TEST(VectorQuantizer, PassesTheGradientStraightThrough) {
  torch::manual_seed(5);
  VectorQuantizer one = quantizer();
  one->forward(torch::randn({30, kDimension}));
  const torch::Tensor vectors = torch::randn({8, kDimension}).requires_grad_();
  const torch::Tensor weight = torch::randn({8, kDimension});
  (one->forward(vectors).vectors * weight).sum().backward();
  EXPECT_TRUE(torch::equal(vectors.grad(), weight));
}

TEST(VectorQuantizer, DoesNotMoveInEvaluation) {
  torch::manual_seed(6);
  VectorQuantizer one = quantizer();
  one->forward(torch::randn({30, kDimension}));
  one->eval();
  const torch::Tensor before = io::state_of(*one).at("embed").clone();
  one->forward(torch::randn({30, kDimension}));
  EXPECT_TRUE(torch::equal(before, io::state_of(*one).at("embed")));
}

TEST(VectorQuantizer, RefusesWhatDoesNotFit) {
  const auto refused = [](const auto& call, const char* what) {
    EXPECT_THAT(call, ThrowsMessage<NetworkError>(HasSubstr(what)));
  };
  refused([] { VectorQuantizer(VectorQuantizerOptions{0, 3, 0.9}); }, "at least 1 code");
  refused([] { VectorQuantizer(VectorQuantizerOptions{4, 3, 1.0}); }, "decay");
  refused([] { quantizer()->forward(torch::zeros({2, 4})); }, "[2, 4]");
  refused([] { (void)quantizer()->decode(torch::tensor({6}, torch::kLong)); }, "0 to 5");
  refused([] { (void)quantizer()->decode(torch::tensor({-1}, torch::kLong)); }, "0 to 5");
}

}  // namespace
}  // namespace partita::nn
