#include <gtest/gtest.h>

#include "partita/base/random.hpp"
#include "support/scaling_vocoder.hpp"
#include "support/signals.hpp"
#include "support/tiny_model.hpp"

namespace partita::decomposition {
namespace {

SeparatorOptions quick(Refinement refinement) {
  SeparatorOptions options;
  options.steps = 1;
  options.refinement = refinement;
  return options;
}

torch::Tensor noise(std::int64_t channels, std::int64_t samples) {
  return torch::rand({channels, samples}, make_generator(3, "song")) - 0.5;
}

TEST(Separate, AddsUpAtEveryLengthRateAndChannelCount) {
  const support::TemporaryFolder folder;
  Separator separator(tiny_model(folder), quick(Refinement::Wiener));
  for (const int rate : {8000, 24000, 44100, 48000, 96000}) {
    for (const std::int64_t channels : {1, 2, 7}) {
      for (const std::int64_t samples : {std::int64_t{1}, std::int64_t{2}, std::int64_t{1000}}) {
        const torch::Tensor song = noise(channels, samples);
        const torch::Tensor stems = separator.separate(song, rate);
        ASSERT_EQ(stems.sizes().vec(), (std::vector<std::int64_t>{2, channels, samples}));
        EXPECT_LE(distance(stems.sum(0), song), 1e-6) << rate << " Hz, " << samples << " samples";
      }
    }
    const torch::Tensor song = noise(1, std::int64_t{3} * rate);
    EXPECT_LE(distance(separator.separate(song, rate).sum(0), song), 1e-6) << rate << " Hz, 3 s";
  }
}

TEST(Separate, SilenceStaysSilent) {
  const support::TemporaryFolder folder;
  for (const Refinement refinement : {Refinement::Wiener, Refinement::None}) {
    Separator separator(tiny_model(folder), quick(refinement));
    EXPECT_TRUE(torch::equal(separator.separate(torch::zeros({2, 5000}), 44100), torch::zeros({2, 2, 5000})));
  }
}

TEST(Separate, ChannelsThatCancelStillAddUp) {
  const support::TemporaryFolder folder;
  Separator separator(tiny_model(folder), quick(Refinement::Wiener));
  const torch::Tensor side = noise(1, 9000);
  const torch::Tensor song = torch::cat({side, -side});
  EXPECT_LE(distance(separator.separate(song, 44100).sum(0), song), 1e-6);
}

TEST(Separate, RawComponentsAreTheSameInEveryChannel) {
  const support::TemporaryFolder folder;
  Separator separator(tiny_model(folder), quick(Refinement::None));
  for (const std::int64_t samples : {1, 700, 22050}) {
    const torch::Tensor stems = separator.separate(noise(2, samples), 44100);
    ASSERT_EQ(stems.sizes().vec(), (std::vector<std::int64_t>{2, 2, samples}));
    EXPECT_TRUE(torch::equal(stems.select(1, 0), stems.select(1, 1)));
    EXPECT_TRUE(torch::isfinite(stems).all().item<bool>());
  }
}

TEST(Separate, RawComponentsOfTheMeanAreDividedByTheirNumber) {
  const torch::Tensor song = support::bass_like(0.5, 24000).unsqueeze(0);
  torch::Tensor loudness[2];
  for (const char* operation : {"sum", "mean"}) {
    const support::TemporaryFolder folder;
    ModelOptions options = tiny_options();
    options.comp_function = operation;
    Separator separator(tiny_model(folder, options), quick(Refinement::None));
    loudness[operation[0] == 'm'] = separator.separate(song, 24000);
  }
  EXPECT_LE(distance(loudness[0] / 2.0, loudness[1]), 1e-6);
}

TEST(Separate, RefusesWhatIsNoWaveform) {
  const support::TemporaryFolder folder;
  Separator separator(tiny_model(folder), quick(Refinement::Wiener));
  EXPECT_THROW((void)separator.separate(torch::zeros({100}), 44100), DecompositionError);
  EXPECT_THROW((void)separator.separate(torch::zeros({2, 0}), 44100), DecompositionError);
  EXPECT_THROW((void)separator.separate(torch::zeros({2, 100}, torch::kLong), 44100), DecompositionError);
  EXPECT_THROW((void)separator.separate(torch::zeros({2, 100}), 0), DecompositionError);
}

TEST(Separate, RawComponentsAreDecodedByTheVocoderAskedFor) {
  const support::TemporaryFolder folder;
  const io::ModelFolder model = tiny_model(folder);
  const auto separated = [&](const std::string& vocoder) {
    SeparatorOptions options = quick(Refinement::None);
    options.vocoder = vocoder;
    return Separator(model, options).separate(noise(1, 9000), 24000);
  };
  const torch::Tensor whole = separated(support::write_scaling_vocoder(folder / "whole", 1.0).string());
  const torch::Tensor halved = separated(support::write_scaling_vocoder(folder / "halved", 0.5).string());
  EXPECT_LT(distance(halved, 0.5 * whole), 1e-5);
  EXPECT_GT(whole.abs().max().item<float>(), 1e-2F);
  EXPECT_GT(distance(separated("griffin-lim"), whole), 1e-2);
  EXPECT_THROW((void)separated("nobody"), io::IoError);
}

TEST(Separate, ACodecWithoutAVocoderRefusesOne) {
  const support::TemporaryFolder folder;
  std::string card = tiny_card(tiny_options());
  card.replace(card.find("\"mel\""), 5, "\"encodec_24khz\"");
  SeparatorOptions options = quick(Refinement::None);
  options.vocoder = "griffin-lim";
  const io::ModelFolder model = tiny_model(folder, tiny_options(), card);
  EXPECT_THROW(Separator(model, options), UsageError);
}

}  // namespace
}  // namespace partita::decomposition
