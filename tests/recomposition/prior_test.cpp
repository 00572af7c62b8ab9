#include "partita/recomposition/prior.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "partita/base/random.hpp"
#include "support/golden.hpp"
#include "support/tiny_prior.hpp"

namespace partita::recomposition {
namespace {

using ::testing::ElementsAre;

LatentForm drums_and_bass() { return {2, 1, {1, 8}}; }

Prior tiny_prior() {
  torch::manual_seed(3);
  Prior prior(tiny_prior_options(), drums_and_bass());
  prior->eval();
  return prior;
}

torch::Tensor latents(std::int64_t frames) {
  return drums_and_bass().held(torch::rand({2, 1, frames}, make_generator(4, "latents")));
}

TEST(Masks, AreAllButTheEmptyOneInTheReferencesOrder) {
  EXPECT_THAT(masks(2), ElementsAre(Mask{false, true}, Mask{true, false}, Mask{true, true}));
  const std::vector<Mask> three = masks(3);
  ASSERT_EQ(three.size(), 7U);
  EXPECT_EQ(three.front(), (Mask{false, false, true}));
  EXPECT_EQ(three.back(), (Mask{true, true, true}));
  EXPECT_THROW((void)masks(0), RecompositionError);
}

TEST(Masks, AreDrawnAsOftenAsTheyShould) {
  constexpr int kDraws = 4000;
  for (const std::int64_t components : {1, 2, 3}) {
    const std::vector<double> probabilities = mask_probabilities(components, 0.8);
    std::map<Mask, int> counts;
    for (int i = 0; i < kDraws; ++i) {
      ++counts[draw_mask(components, probabilities,
                         make_generator(1, "draw", static_cast<std::uint64_t>(i)))];
    }
    const std::vector<Mask> all = masks(components);
    ASSERT_EQ(counts.size(), all.size()) << "every mask is reached";
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double expected = probabilities[i] * kDraws;
      // Five deviations of a binomial count.
      EXPECT_NEAR(counts[all[i]], expected, 5.0 * std::sqrt(expected * (1.0 - probabilities[i])) + 1e-9);
    }
  }
  const std::vector<double> three = mask_probabilities(3, 0.4);
  ASSERT_EQ(three.size(), 7U);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_DOUBLE_EQ(three[i], 0.1);
  EXPECT_DOUBLE_EQ(three.back(), 0.4);
  EXPECT_THROW((void)mask_probabilities(2, 1.1), RecompositionError);
  EXPECT_THROW((void)draw_mask(2, {1.0}, make_generator(1, "draw")), RecompositionError);
}

TEST(LatentForm, HoldsNoiseAndLatentsOverTheHops) {
  const LatentForm form = drums_and_bass();
  EXPECT_EQ(form.unit(), 8);
  for (const torch::Tensor& x :
       {form.noise(20, make_generator(1, "noise")), form.held(torch::rand({2, 1, 20}))}) {
    ASSERT_EQ(x.sizes(), (std::vector<std::int64_t>{2, 1, 20}));
    const torch::Tensor slow = x[1][0];
    EXPECT_TRUE(torch::equal(slow.slice(0, 0, 8), slow[0].expand({8})));
    EXPECT_TRUE(torch::equal(slow.slice(0, 16, 20), slow[16].expand({4})));
    EXPECT_FALSE(torch::equal(x[0][0].slice(0, 0, 8), x[0][0][0].expand({8})));
  }
  const torch::Tensor many = form.noise(80000, make_generator(2, "noise"));
  EXPECT_NEAR(many[0].std().item<double>(), 1.0, 0.03);
  EXPECT_NEAR(many[1].std().item<double>(), 1.0, 0.03);  // 10,000 runs
}

TEST(Prior, NormalisesByItsStatistics) {
  Prior prior = tiny_prior();
  const torch::Tensor z =
      torch::stack({3.0 + 2.0 * torch::randn({50, 1, 64}), torch::full({50, 1, 64}, 0.7)}, 1);
  prior->set_statistics(z);
  const torch::Tensor normal = prior->normalised(z);
  EXPECT_NEAR(normal.select(1, 0).mean().item<double>(), 0.0, 1e-4);
  EXPECT_NEAR(normal.select(1, 0).std().item<double>(), 1.0, 1e-3);
  EXPECT_NEAR(normal.select(1, 1).abs().max().item<double>(), 0.0, 1e-5) << "never changes";
  golden::expect_close(prior->restored(normal), z, "restored");
}

TEST(Prior, LossIsThatOfAlgorithmOne) {
  Prior prior = tiny_prior();
  const torch::Tensor z = torch::randn({3, 2, 1, 16}), noise = torch::randn({3, 2, 1, 16});
  const torch::Tensor alpha = torch::tensor({0.1F, 0.5F, 0.9F});
  const torch::Tensor mask = torch::tensor({{1.0F, 0.0F}, {0.0F, 1.0F}, {1.0F, 1.0F}});
  torch::Tensor seen = z.clone();  // kept components stay clean
  for (const auto& [i, k] : {std::pair{0, 0}, {1, 1}, {2, 0}, {2, 1}}) {
    seen[i][k] = alpha[i] * z[i][k] + (1.0 - alpha[i]) * noise[i][k];
  }
  const torch::Tensor expected = (z - prior->forward(seen, alpha, mask)).square().mean();
  EXPECT_NEAR(prior_loss(prior, z, noise, alpha, mask).item<double>(), expected.item<double>(), 1e-6);
}

TEST(Prior, LossOfVariantDLeavesOutWhatIsKept) {
  PriorOptions options = tiny_prior_options();
  options.variant = diffusion::Variant::D;
  torch::manual_seed(3);
  Prior prior(options, drums_and_bass());
  const torch::Tensor z = torch::randn({1, 2, 1, 16}), noise = torch::randn({1, 2, 1, 16});
  const torch::Tensor alpha = torch::tensor({0.3F}), mask = torch::tensor({{0.0F, 1.0F}});
  torch::Tensor other = noise.clone();
  other[0][0] += 5.0;  // of the kept component
  EXPECT_EQ(prior_loss(prior, z, noise, alpha, mask).item<float>(),
            prior_loss(prior, z, other, alpha, mask).item<float>());
}

TEST(Prior, RefusesWhatDoesNotFit) {
  EXPECT_THROW(Prior(tiny_prior_options(3), drums_and_bass()), RecompositionError);
  EXPECT_THROW(Prior(tiny_prior_options(), (LatentForm{2, 1, {1}})), RecompositionError);
  Prior prior = tiny_prior();
  EXPECT_THROW((void)prior->forward(torch::zeros({1, 3, 1, 16}), torch::zeros({1}), torch::ones({1, 3})),
               RecompositionError);
  EXPECT_THROW(prior->set_statistics(torch::zeros({0, 2, 1, 16})), RecompositionError);
}

TEST(Prior, OptionsReadBackAsWritten) {
  PriorOptions options = tiny_prior_options();
  options.variant = diffusion::Variant::D;
  const PriorOptions read = prior_options(io::Config::parse(to_toml(options), "card"));
  EXPECT_EQ(to_toml(read), to_toml(options));
  EXPECT_THROW((void)prior_options(io::Config::parse("[prior]\nvariant = \"e\"\n", "card")), io::IoError);
}

RecomposeOptions tiny_sampling() {
  RecomposeOptions options;
  options.steps = 4;
  options.window_frames = 32;
  return options;
}

class RecomposeImposing : public testing::TestWithParam<Imposed> {};

TEST_P(RecomposeImposing, OneWindowIsTheTrajectoryWithTheKeptPutBackIn) {
  Prior prior = tiny_prior();
  const torch::Tensor z = latents(32);
  RecomposeOptions options = tiny_sampling();
  options.imposed = GetParam();
  const torch::Tensor found = recompose(prior, z, {true, false}, options, 5, 1);
  const torch::NoGradGuard no_grad;
  const torch::Tensor noise = drums_and_bass().noise(32, make_generator(5, "recompose", 1));
  torch::Tensor state = noise.unsqueeze(0);
  const torch::Tensor mask = torch::tensor({{1.0F, 0.0F}});
  for (int t = 0; t < 4; ++t) {
    torch::Tensor seen = state.clone();
    const double level = GetParam() == Imposed::Clean ? 1.0 : t / 4.0;
    seen[0][1] = torch::lerp(noise, prior->normalised(z), level)[1];
    const torch::Tensor clean = prior->forward(seen, torch::full({1}, t / 4.0), mask);
    state = clean + (1.0 - (t + 1) / 4.0) / (1.0 - t / 4.0) * (state - clean);
  }
  golden::expect_close(found[0], prior->restored(state[0])[0], "made");
  EXPECT_EQ(parse_imposed(name_of(GetParam())), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Both, RecomposeImposing, testing::Values(Imposed::Clean, Imposed::Blended));

TEST(Recompose, RefusesAnUnknownImposition) {
  EXPECT_THROW((void)parse_imposed("dirty"), RecompositionError);
}

class RecomposeEach : public testing::TestWithParam<Mask> {};

TEST_P(RecomposeEach, KeepsTheKeptAndMakesTheRest) {
  Prior prior = tiny_prior();
  const torch::Tensor z = latents(100);  // more than three windows, not whole ones
  const Mask& mask = GetParam();
  const torch::Tensor first = recompose(prior, z, mask, tiny_sampling(), 5, 1);
  EXPECT_TRUE(torch::equal(first, recompose(prior, z, mask, tiny_sampling(), 5, 1)));
  const torch::Tensor second = recompose(prior, z, mask, tiny_sampling(), 5, 2);
  ASSERT_EQ(first.sizes(), z.sizes());
  // Means of eight equal numbers, to rounding.
  EXPECT_TRUE(torch::allclose(first, drums_and_bass().held(first), 0.0, 1e-6)) << "the decomposition's form";
  for (std::int64_t k = 0; k < 2; ++k) {
    const bool made = mask[static_cast<std::size_t>(k)];
    EXPECT_EQ(torch::equal(first[k], z[k]), !made);
    EXPECT_EQ(torch::equal(first[k], second[k]), !made);
  }
}

INSTANTIATE_TEST_SUITE_P(AllMasks, RecomposeEach, testing::ValuesIn(masks(2)));

TEST(Recompose, GuidanceOfOneIsNoneAndElsewhereCounts) {
  Prior prior = tiny_prior();
  RecomposeOptions guided = tiny_sampling();
  guided.guidance = 2.0;
  const torch::Tensor z = latents(32);
  EXPECT_FALSE(torch::equal(recompose(prior, z, {true, false}, guided, 5),
                            recompose(prior, z, {true, false}, tiny_sampling(), 5)));
  EXPECT_TRUE(torch::equal(recompose(prior, z, {true, true}, guided, 5),
                           recompose(prior, z, {true, true}, tiny_sampling(), 5)))
      << "nothing is kept that could count";
}

TEST(Recompose, RefusesWhatDoesNotFit) {
  Prior prior = tiny_prior();
  RecomposeOptions odd = tiny_sampling();
  odd.window_frames = 30;
  EXPECT_THROW((void)recompose(prior, latents(32), {true, true}, odd, 1), RecompositionError);
  EXPECT_THROW((void)recompose(prior, latents(32), {false, false}, tiny_sampling(), 1), RecompositionError);
  EXPECT_THROW((void)recompose(prior, latents(32), {true}, tiny_sampling(), 1), RecompositionError);
  EXPECT_THROW((void)recompose(prior, torch::zeros({2, 1, 0}), {true, true}, tiny_sampling(), 1),
               RecompositionError);
  prior->train();
  EXPECT_THROW((void)recompose(prior, latents(32), {true, true}, tiny_sampling(), 1), RecompositionError);
}

}  // namespace
}  // namespace partita::recomposition
