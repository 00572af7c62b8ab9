#include "partita/baselines/lass_inference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "partita/base/random.hpp"

namespace partita::baselines {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

torch::Tensor codes(const std::vector<std::int64_t>& values) { return torch::tensor(values, torch::kLong); }

/// A prior that remembers the last code: P(first) and P(next | last).
struct Chain {
  std::vector<double> first;
  std::vector<std::vector<double>> next;

  [[nodiscard]] double probability(const std::vector<std::int64_t>& sequence) const {
    double product = 1.0;
    for (std::size_t t = 0; t < sequence.size(); ++t) product *= step(sequence, t);
    return product;
  }
  /// P(code t | codes before).
  [[nodiscard]] double step(const std::vector<std::int64_t>& sequence, std::size_t t) const {
    const auto code = static_cast<std::size_t>(sequence[t]);
    return t == 0 ? first[code] : next[static_cast<std::size_t>(sequence[t - 1])][code];
  }
  [[nodiscard]] NextCode model() const {
    const torch::Tensor table = torch::tensor(first).log().unsqueeze(0);
    std::vector<torch::Tensor> later;
    for (const auto& one : next) later.push_back(torch::tensor(one).log());
    return [table, later = torch::stack(later)](const torch::Tensor& so_far) {
      if (so_far.size(1) == 0) return table.expand({so_far.size(0), -1});
      return later.index_select(0, so_far.select(1, -1));
    };
  }
};

/// Two sources, two codes, three positions. Counted by hand: a sum is 0 only where both parts are 0, mostly.
struct Toy {
  Chain a{{0.7, 0.3}, {{0.9, 0.1}, {0.4, 0.6}}};
  Chain b{{0.2, 0.8}, {{0.5, 0.5}, {0.3, 0.7}}};
  // P(sum = 1 | first, second): (0, 0) 1 of 4, (0, 1) 3 of 4, (1, 0) 2 of 4, (1, 1) always.
  std::vector<std::vector<double>> one{{0.25, 0.75}, {0.5, 1.0}};
  std::vector<std::int64_t> mixture{1, 0, 1};
  SumLikelihood likelihood{2};

  Toy() {
    likelihood.count(codes({0, 0, 0, 0}), codes({0, 0, 0, 0}), codes({0, 1, 0, 0}));
    likelihood.count(codes({0, 0, 0, 0, 1, 1}), codes({1, 1, 1, 1, 0, 0}), codes({1, 1, 0, 1, 0, 1}));
    likelihood.count(codes({1, 1, 1, 1}), codes({0, 0, 1, 1}), codes({1, 0, 1, 1}));
  }
  [[nodiscard]] double likelihood_of(std::int64_t sum, std::int64_t first, std::int64_t second) const {
    const double p = one[static_cast<std::size_t>(first)][static_cast<std::size_t>(second)];
    return sum == 1 ? p : 1.0 - p;
  }
};

using Sequence = std::vector<std::int64_t>;
using Pair = std::pair<Sequence, Sequence>;

std::vector<Pair> all_pairs() {
  std::vector<Pair> all;
  for (std::int64_t n = 0; n < 64; ++n)
    all.push_back({{n & 1, (n >> 1) & 1, (n >> 2) & 1}, {(n >> 3) & 1, (n >> 4) & 1, (n >> 5) & 1}});
  return all;
}

/// P(a, b | mixture), by enumeration of all pairs of sequences.
std::map<Pair, double> exact_posterior(const Toy& toy) {
  std::map<Pair, double> posterior;
  double total = 0.0;
  for (const Pair& pair : all_pairs()) {
    double p = toy.a.probability(pair.first) * toy.b.probability(pair.second);
    for (std::size_t t = 0; t < 3; ++t) p *= toy.likelihood_of(toy.mixture[t], pair.first[t], pair.second[t]);
    posterior[pair] = p;
    total += p;
  }
  for (auto& [pair, p] : posterior) p /= total;
  return posterior;
}

/// What the rule draws: at each position the product of priors and likelihood to a power, normalised there.
std::map<Pair, double> rule(const Toy& toy, double weight) {
  std::map<Pair, double> drawn;
  for (const Pair& pair : all_pairs()) {
    double product = 1.0;
    for (std::size_t t = 0; t < 3; ++t) {
      const auto at = [&](std::int64_t first, std::int64_t second) {
        Sequence a = pair.first, b = pair.second;
        a[t] = first;
        b[t] = second;
        return toy.a.step(a, t) * toy.b.step(b, t) *
               std::pow(toy.likelihood_of(toy.mixture[t], first, second), weight);
      };
      product *= at(pair.first[t], pair.second[t]) / (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1));
    }
    drawn[pair] = product;
  }
  return drawn;
}

/// All six codes of a pair as the digits of one number.
std::size_t number_of(const Pair& pair) {
  std::int64_t number = 0;
  for (std::size_t t = 0; t < 3; ++t) number += (pair.first[t] << t) + (pair.second[t] << (3 + t));
  return static_cast<std::size_t>(number);
}

/// The summed weight of the samples of each pair.
std::vector<double> weights_of(const PairSamples& samples, const torch::Tensor& weight) {
  const torch::Tensor digits = torch::tensor({1, 2, 4}, torch::kLong);
  const torch::Tensor number =
      (samples.codes[0][0] * digits).sum(1) + 8 * (samples.codes[1][0] * digits).sum(1);
  const torch::Tensor sum =
      torch::zeros({64}, torch::kFloat64).index_add(0, number, weight.to(torch::kFloat64));
  return {sum.data_ptr<double>(), sum.data_ptr<double>() + 64};
}

PairSamples sampled(const Toy& toy, const LassSampling& options, std::uint64_t seed = 0) {
  return sample_pairs({toy.a.model(), toy.b.model()}, toy.likelihood,
                      torch::tensor(toy.mixture, torch::kLong).unsqueeze(0), options,
                      {make_generator(seed, "toy")});
}

TEST(SumLikelihood, IsWhatWasCounted) {
  const Toy toy;
  const SumLikelihood::Pairs pairs = toy.likelihood.pairs(1);
  ASSERT_EQ(pairs.first.numel(), 4);
  for (std::int64_t i = 0; i < 4; ++i) {
    const double expected =
        toy.likelihood_of(1, pairs.first[i].item<std::int64_t>(), pairs.second[i].item<std::int64_t>());
    EXPECT_NEAR(pairs.log_likelihood[i].item<double>(), std::log(expected), 1e-6);
  }
  EXPECT_EQ(toy.likelihood.pairs(0).first.numel(), 3) << "(1, 1) never gave 0";
}

TEST(SumLikelihood, ComesBackFromItsState) {
  const Toy toy;
  SumLikelihood other(2);
  other.load(toy.likelihood.state());
  for (const std::int64_t sum : {0, 1}) {
    EXPECT_TRUE(torch::equal(other.pairs(sum).first, toy.likelihood.pairs(sum).first));
    EXPECT_TRUE(torch::equal(other.pairs(sum).log_likelihood, toy.likelihood.pairs(sum).log_likelihood));
  }
}

TEST(SumLikelihood, RefusesWhatItCannotHaveWritten) {
  const auto refused = [](io::TensorMap state) {
    SumLikelihood likelihood(2);
    EXPECT_THAT([&] { likelihood.load(state); }, ThrowsMessage<BaselineError>(HasSubstr("sums")));
  };
  const torch::Tensor ones = codes({1, 1});
  refused({});
  refused({{"triples", codes({0, 1})}});
  refused({{"triples", codes({0, 1})}, {"counts", ones}, {"more", ones}});
  refused({{"triples", codes({0, 1})}, {"counts", codes({1})}});
  refused({{"triples", codes({1, 0})}, {"counts", ones}});
  refused({{"triples", codes({1, 1})}, {"counts", ones}});
  refused({{"triples", codes({-1, 1})}, {"counts", ones}});
  refused({{"triples", codes({0, 8})}, {"counts", ones}});
  refused({{"triples", codes({0, 1})}, {"counts", codes({1, 0})}});
  refused({{"triples", codes({0, 1}).to(torch::kFloat32)}, {"counts", ones}});
}

TEST(LassInference, PosteriorOfOneStepIsTheProductOfPriorsAndLikelihood) {
  const Toy toy;
  LassSampling options;
  options.likelihood_weight = 1.0;
  const torch::Tensor a = torch::tensor({{0.7, 0.3}}).log(), b = torch::tensor({{0.2, 0.8}}).log();
  const NextPairs next = next_pairs(a, b, toy.likelihood, 1, options);
  const torch::Tensor found = next.log_posterior.softmax(1)[0];
  // 0.7·0.2·¼, 0.7·0.8·¾, 0.3·0.2·½, 0.3·0.8·1 over their sum, 0.725.
  const std::vector<double> expected{0.035 / 0.725, 0.42 / 0.725, 0.03 / 0.725, 0.24 / 0.725};
  for (std::int64_t i = 0; i < 4; ++i)
    EXPECT_NEAR(found[i].item<double>(), expected[static_cast<std::size_t>(i)], 1e-6);
  EXPECT_NEAR(next.log_posterior.logsumexp(1).item<double>(), std::log(0.725), 1e-6);
}

TEST(LassInference, DrawsByItsRule) {
  const Toy toy;
  for (const double weight : {1.0, 3.0}) {
    LassSampling options;
    options.candidates = 20000;
    options.likelihood_weight = weight;
    const PairSamples samples = sampled(toy, options);
    const auto frequency = weights_of(samples, torch::full({20000}, 1.0 / 20000.0));
    // Four deviations of a frequency.
    for (const auto& [pair, p] : rule(toy, weight))
      EXPECT_NEAR(frequency[number_of(pair)], p, 4.0 * std::sqrt(p * (1.0 - p) / 20000.0) + 1e-12);
  }
}

TEST(LassInference, WeightedByItsEvidenceIsTheExactPosterior) {
  const Toy toy;
  LassSampling options;
  options.candidates = 20000;
  options.likelihood_weight = 1.0;
  const PairSamples samples = sampled(toy, options);
  const auto found = weights_of(samples, samples.log_evidence[0].softmax(0));
  double distance = 0.0;
  for (const auto& [pair, p] : exact_posterior(toy)) distance += std::abs(found[number_of(pair)] - p) / 2.0;
  EXPECT_LT(distance, 0.02);
  double apart = 0.0;  // the rule itself looks only back, and is not the posterior
  const auto ruled = rule(toy, 1.0);
  for (const auto& [pair, p] : exact_posterior(toy)) apart += std::abs(ruled.at(pair) - p) / 2.0;
  EXPECT_GT(apart, 0.03);
}

TEST(LassInference, TopOneIsTheLikeliestPair) {
  const Toy toy;
  LassSampling options;
  options.top_k = 1;
  options.likelihood_weight = 1.0;
  const torch::Tensor drawn = sampled(toy, options).codes;
  // (0, 1) at 0.42; then 0: (0, 0) at 0.9·0.3·¾ against (0, 1) at 0.9·0.7·¼; then 1: (0, 1) at 0.9·0.5·¾.
  EXPECT_TRUE((drawn[0] == 0).all().item<bool>());
  EXPECT_TRUE(torch::equal(drawn[1][0][0], codes({1, 0, 1})));
}

TEST(LassInference, ACodeThatNoSumGaveLeavesItToThePriors) {
  SumLikelihood likelihood(3);
  likelihood.count(codes({0}), codes({1}), codes({2}));
  LassSampling options;
  const torch::Tensor a = torch::tensor({{0.5, 0.25, 0.25}}).log(),
                      b = torch::tensor({{0.1, 0.2, 0.7}}).log();
  const NextPairs next = next_pairs(a, b, likelihood, 0, options);
  ASSERT_EQ(next.first.numel(), 9);
  const torch::Tensor found = next.log_posterior.exp()[0].view({3, 3});
  EXPECT_TRUE(torch::allclose(found, torch::outer(a[0].exp(), b[0].exp())));
}

TEST(LassInference, SameSeedSameCodes) {
  const Toy toy;
  EXPECT_TRUE(torch::equal(sampled(toy, {}, 5).codes, sampled(toy, {}, 5).codes));
  EXPECT_FALSE(torch::equal(sampled(toy, {}, 5).codes, sampled(toy, {}, 6).codes));
}

TEST(LassInference, RefusesImpossibleArguments) {
  const Toy toy;
  const auto refused = [&](const LassSampling& options, const char* what) {
    EXPECT_THAT([&] { (void)sampled(toy, options); }, ThrowsMessage<BaselineError>(HasSubstr(what)));
  };
  refused({.candidates = 0}, "candidates");
  refused({.temperature = 0.0}, "temperature");
  refused({.top_k = -1}, "top_k");
  refused({.likelihood_weight = -1.0}, "likelihood_weight");
  EXPECT_THAT([] { SumLikelihood(0); }, ThrowsMessage<BaselineError>(HasSubstr("codebook")));
  SumLikelihood likelihood(2);
  EXPECT_THAT([&] { likelihood.count(codes({0}), codes({2}), codes({0})); },
              ThrowsMessage<BaselineError>(HasSubstr("second part")));
  EXPECT_THAT(
      [&] {
        likelihood.count(codes({0}), codes({0, 1}), codes({0}));
      },
      ThrowsMessage<BaselineError>(HasSubstr("one shape")));
  EXPECT_THAT([&] { (void)likelihood.pairs(2); }, ThrowsMessage<BaselineError>(HasSubstr("0 to 1")));
}

}  // namespace
}  // namespace partita::baselines
