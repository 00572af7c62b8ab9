#include "partita/audio/overlap_add.hpp"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "partita/audio/error.hpp"

namespace partita::audio {
namespace {

// Two roundings of products with weights of at most 1.
constexpr double kTolerance = 1e-6;

/// Cuts `samples` into `count` chunks and joins them again.
torch::Tensor rejoin(const torch::Tensor& samples, std::int64_t length, std::int64_t stride,
                     std::int64_t count) {
  OverlapAdd join(length, stride);
  std::vector<torch::Tensor> parts;
  for (std::int64_t i = 0; i < count; ++i) {
    parts.push_back(join.push(samples.narrow(-1, i * stride, length)));
    EXPECT_EQ(parts.back().size(-1), stride);
  }
  parts.push_back(join.finish());
  EXPECT_EQ(parts.back().size(-1), length - stride);
  return torch::cat(parts, -1);
}

class OverlapAddSizes : public testing::TestWithParam<std::pair<std::int64_t, std::int64_t>> {};

TEST_P(OverlapAddSizes, SignalsComeBack) {
  const auto [length, stride] = GetParam();
  torch::manual_seed(1);
  for (const std::int64_t count : {1, 2, 7}) {
    const auto samples = torch::rand({2, 3, (count - 1) * stride + length}) * 2 - 1;
    const auto joined = rejoin(samples, length, stride, count);
    ASSERT_EQ(joined.sizes(), samples.sizes());
    EXPECT_LE((joined - samples).abs().max().item<double>(), kTolerance);
  }
}

TEST_P(OverlapAddSizes, ConstantsComeBackExactly) {
  const auto [length, stride] = GetParam();
  // Weights times a power of two are exact, so even the sums divide out.
  const auto samples = torch::full({1, 4 * stride + length}, 0.25);
  EXPECT_TRUE(torch::equal(rejoin(samples, length, stride, 5), samples));
}

INSTANTIATE_TEST_SUITE_P(OverlapAdd, OverlapAddSizes,
                         testing::Values(std::pair{100L, 75L}, std::pair{101L, 76L}, std::pair{64L, 64L},
                                         std::pair{64L, 32L}, std::pair{50L, 7L}, std::pair{1L, 1L},
                                         std::pair{2L, 1L}, std::pair{3L, 2L}));

TEST(OverlapAdd, CrossFadesAreTriangular) {
  OverlapAdd join(8, 4);
  (void)join.push(torch::zeros({8}));
  const auto faded = join.push(torch::ones({8}));
  // The first chunk falls 4, 3, 2, 1 while the second rises 1, 2, 3, 4.
  EXPECT_TRUE(torch::allclose(faded, torch::tensor({0.2F, 0.4F, 0.6F, 0.8F}), 0.0, kTolerance));
  EXPECT_TRUE(torch::allclose(join.finish(), torch::ones({4}), 0.0, kTolerance));
}

TEST(OverlapAdd, EndsHaveFullWeight) {
  OverlapAdd join(1000, 750);
  const auto chunk = torch::ones({1000});
  EXPECT_EQ(join.push(chunk)[0].item<float>(), 1.0F);
  EXPECT_EQ(join.finish()[-1].item<float>(), 1.0F);
}

TEST(OverlapAdd, KeepsFloat64AndStartsAfresh) {
  OverlapAdd join(10, 5);
  (void)join.push(torch::ones({2, 10}, torch::kFloat64));
  EXPECT_EQ(join.finish().scalar_type(), torch::kFloat64);
  EXPECT_EQ(join.push(torch::ones({3, 10})).sizes(), (std::vector<std::int64_t>{3, 5}));
}

TEST(OverlapAdd, TheLastChunksMayBeShorter) {
  const torch::Tensor signal = torch::arange(1, 29, torch::kFloat32);
  OverlapAdd join(10, 8);
  std::vector<torch::Tensor> parts{join.push(signal.narrow(0, 0, 10)), join.push(signal.narrow(0, 8, 10)),
                                   join.push(signal.narrow(0, 16, 10)), join.push(signal.narrow(0, 24, 4)),
                                   join.finish()};
  EXPECT_TRUE(torch::allclose(torch::cat(parts), signal));
  // One that ends before the chunk before it does.
  parts = {join.push(signal.narrow(0, 0, 10)), join.push(signal.narrow(0, 8, 1)), join.finish()};
  EXPECT_TRUE(torch::allclose(torch::cat(parts), signal.narrow(0, 0, 10)));
  (void)join.push(signal.narrow(0, 0, 3));
  EXPECT_THROW((void)join.push(signal.narrow(0, 0, 10)), AudioError);
}

TEST(OverlapAdd, RefusesImpossibleSizes) {
  EXPECT_THROW(OverlapAdd(10, 11), AudioError);
  EXPECT_THROW(OverlapAdd(10, 0), AudioError);
  EXPECT_THROW(OverlapAdd(0, 0), AudioError);
  OverlapAdd join(10, 5);
  EXPECT_THROW((void)join.finish(), AudioError);
  EXPECT_THROW((void)join.push(torch::ones({11})), AudioError);
  EXPECT_THROW((void)join.push(torch::ones({0})), AudioError);
  (void)join.push(torch::ones({2, 10}));
  EXPECT_THROW((void)join.push(torch::ones({1, 10})), AudioError);
}

}  // namespace
}  // namespace partita::audio
