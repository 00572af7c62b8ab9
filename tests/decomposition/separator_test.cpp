#include "partita/decomposition/separator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partita/base/interrupt.hpp"
#include "partita/base/random.hpp"
#include "support/tiny_model.hpp"

namespace partita::decomposition {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

SeparatorOptions quick(std::uint64_t seed = 0) {
  SeparatorOptions options;
  options.steps = 2;
  options.seed = seed;
  return options;
}

torch::Tensor latents_of(std::int64_t frames) {
  return torch::rand({128, frames}, make_generator(11, "latents"));
}

/// What `decompose` gives for a window with the noise of its index.
torch::Tensor window_alone(Separator& separator, const torch::Tensor& window, std::uint64_t index) {
  return decompose(separator.model(), window.unsqueeze(0), {separator.options().steps, false},
                   make_generator(separator.options().seed, "separate", index))[0];
}

TEST(Separator, KnowsItsNamesAndWindow) {
  const support::TemporaryFolder folder;
  Separator separator(tiny_model(folder), quick());
  EXPECT_EQ(separator.component_names(), (std::vector<std::string>{"drums", "bass"}));
  EXPECT_EQ(separator.window_frames(), 32);
  EXPECT_EQ(separator.codec().name(), "mel");
}

TEST(Separator, DecomposesAnyNumberOfFrames) {
  const support::TemporaryFolder folder;
  Separator separator(tiny_model(folder), quick());
  for (const std::int64_t frames : {1, 2, 3, 31, 32, 33, 57, 200}) {
    const torch::Tensor parts = separator.decompose_latents(latents_of(frames));
    ASSERT_EQ(parts.sizes().vec(), (std::vector<std::int64_t>{2, 128, frames}));
    EXPECT_TRUE(torch::isfinite(parts).all().item<bool>());
  }
}

TEST(Separator, LearnedRefinementMasksTheMixtureItself) {
  const support::TemporaryFolder folder;
  const io::ModelFolder model = tiny_model_with_masks(folder);
  Separator best(model, quick());
  EXPECT_EQ(best.options().refinement, Refinement::Learned);
  nn::MaskNetwork network(mask_options(model.card(), tiny_options()));
  io::load_state(*network, model.weights(kMasksFile).tensors(), "masks");
  const torch::Tensor latents = latents_of(32);
  const torch::Tensor expected =
      best.codec().share_out(latents.unsqueeze(0), network->forward(latents.unsqueeze(0)))[0];
  EXPECT_TRUE(torch::allclose(best.decompose_latents(latents), expected, 1e-5, 1e-6));

  SeparatorOptions components = quick();
  components.refinement = Refinement::Wiener;
  Separator wiener(model, components);
  Separator without(tiny_model(folder), quick());
  EXPECT_EQ(without.options().refinement, Refinement::Wiener);
  EXPECT_TRUE(torch::equal(wiener.decompose_latents(latents), without.decompose_latents(latents)));
}

TEST(Separator, LearnedRefinementNeedsAMaskNetwork) {
  const support::TemporaryFolder folder;
  SeparatorOptions options = quick();
  options.refinement = Refinement::Learned;
  EXPECT_THAT([&] { Separator(tiny_model(folder), options); },
              ThrowsMessage<UsageError>(HasSubstr("no mask network")));
}

TEST(Separator, SeedDecidesTheNoise) {
  const support::TemporaryFolder folder;
  const io::ModelFolder model = tiny_model(folder);
  Separator one(model, quick(5));
  Separator same(model, quick(5));
  Separator other(model, quick(6));
  const torch::Tensor latents = latents_of(70);
  const torch::Tensor first = one.decompose_latents(latents);
  (void)one.decompose_latents(latents_of(40));
  EXPECT_TRUE(torch::equal(first, one.decompose_latents(latents)));  // whatever came before
  EXPECT_TRUE(torch::equal(first, same.decompose_latents(latents)));
  EXPECT_GT(distance(first, other.decompose_latents(latents)), 1e-4);
}

TEST(Separator, WindowsDependOnTheirIndexAlone) {
  for (const bool autoencoder : {false, true}) {
    const support::TemporaryFolder folder;
    ModelOptions architecture = tiny_options();
    architecture.autoencoder = autoencoder;
    SeparatorOptions options = quick();
    options.overlap = 0.0;
    Separator separator(tiny_model(folder, architecture), options);
    const torch::Tensor latents = latents_of(32 * 6);
    const torch::Tensor parts = separator.decompose_latents(latents);
    for (std::int64_t i = 0; i < 6; ++i) {
      const torch::Tensor alone =
          window_alone(separator, latents.narrow(1, 32 * i, 32), static_cast<std::uint64_t>(i));
      // Convolutions of other batch sizes may sum in another order.
      EXPECT_LT(distance(parts.narrow(2, 32 * i, 32), alone), 1e-4) << "window " << i;
    }
  }
}

TEST(Separator, CrossFadesOverlappingWindows) {
  const support::TemporaryFolder folder;
  Separator separator(tiny_model(folder), quick());
  const torch::Tensor latents = latents_of(56);  // windows at 0 and 24
  const torch::Tensor parts = separator.decompose_latents(latents);
  const torch::Tensor left = window_alone(separator, latents.narrow(1, 0, 32), 0);
  const torch::Tensor right = window_alone(separator, latents.narrow(1, 24, 32), 1);
  EXPECT_LT(distance(parts.narrow(2, 0, 24), left.narrow(2, 0, 24)), 1e-5);
  EXPECT_LT(distance(parts.narrow(2, 32, 24), right.narrow(2, 8, 24)), 1e-5);
  const torch::Tensor meeting = (8.0 * left.select(2, 24) + 1.0 * right.select(2, 0)) / 9.0;
  EXPECT_LT(distance(parts.select(2, 24), meeting), 1e-5);
}

TEST(Separator, StopsBetweenWindows) {
  const support::TemporaryFolder folder;
  Separator separator(tiny_model(folder), quick());
  request_interrupt();
  EXPECT_THROW((void)separator.decompose_latents(latents_of(40)), Interrupted);
  request_interrupt(false);
}

TEST(Separator, RefusesLatentsOfAnotherShape) {
  const support::TemporaryFolder folder;
  Separator separator(tiny_model(folder), quick());
  EXPECT_THROW((void)separator.decompose_latents(torch::rand({64, 32})), DecompositionError);
  EXPECT_THROW((void)separator.decompose_latents(torch::rand({128, 0})), DecompositionError);
  EXPECT_THROW((void)separator.decompose_latents(torch::rand({1, 128, 32})), DecompositionError);
}

void expect_refused(const ModelOptions& options, const std::string& card, const std::string& reason) {
  const support::TemporaryFolder folder;
  const io::ModelFolder model = tiny_model(folder, options, card);
  EXPECT_THAT([&] { Separator(model, SeparatorOptions{}); }, ThrowsMessage<Error>(HasSubstr(reason)));
}

TEST(Separator, RefusesCardsThatDoNotFit) {
  const ModelOptions options = tiny_options();
  expect_refused(options, tiny_card(options, R"(["drums"])"), "names 1 components (drums)");
  expect_refused(options, tiny_card(options, R"(["drums", "drums"])"), "distinct");
  expect_refused(options, tiny_card(options, R"(["drums", ""])"), "distinct");
  expect_refused(options, tiny_card(options, R"(["drums", "bass"])", "window_frames = 30\n"),
                 "multiple of 4");
  expect_refused(options, tiny_card(options, R"(["drums", "bass"])", "window_frame = 32\n"),
                 "'window_frame'");
  std::string prior = tiny_card(options);
  prior.replace(prior.find("decomposition"), 13, "prior");
  expect_refused(options, prior, "expected a model of kind 'decomposition', found kind 'prior'");
  std::string codec = tiny_card(options);
  codec.replace(codec.find("\"mel\""), 5, "\"wav\"");
  expect_refused(options, codec, "mel");
}

TEST(Separator, RefusesAModelForOtherLatents) {
  ModelOptions options = tiny_options();
  options.encoder.in_dim = 64;
  options.unet.channels.front() = 64;
  expect_refused(options, tiny_card(options), "latents of 128 channels");
}

TEST(Separator, RefusesWeightsOfAnotherArchitecture) {
  const support::TemporaryFolder folder;
  ModelOptions wider = tiny_options();
  wider.encoder.channels.front() = 32;
  const io::ModelFolder model = tiny_model(folder, tiny_options(), tiny_card(wider));
  EXPECT_THROW(Separator(model, quick()), io::IoError);
}

TEST(Separator, RefusesOptionsOutOfRange) {
  const support::TemporaryFolder folder;
  const io::ModelFolder model = tiny_model(folder);
  SeparatorOptions options = quick();
  options.overlap = 1.0;
  EXPECT_THROW(Separator(model, options), UsageError);
  options = quick();
  options.steps = 0;
  EXPECT_THROW(Separator(model, options), UsageError);
  options = quick();
  options.mask_power = -1.0;
  EXPECT_THROW(Separator(model, options), UsageError);
  options = quick();
  options.mask_window = 0;
  EXPECT_THROW(Separator(model, options), UsageError);
}

}  // namespace
}  // namespace partita::decomposition
