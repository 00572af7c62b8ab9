#include "partita/codec/mel_vocoder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numbers>

#include "partita/base/random.hpp"
#include "support/environment.hpp"
#include "support/scaling_vocoder.hpp"
#include "support/temporary_folder.hpp"

namespace partita::codec {
namespace {

using support::write_scaling_vocoder;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr std::int64_t kFrames = 30;

MelVocoderOptions small() {
  MelVocoderOptions options;
  options.channels = 8;
  options.blocks = 1;
  options.kernel = 3;
  options.expansion = 8;
  return options;
}

torch::Tensor tone() {
  const torch::Tensor time = torch::arange(kFrames * 320, torch::kFloat32) / 24000.0;
  return 0.3 * torch::sin(2.0 * std::numbers::pi * 440.0 * time).reshape({1, 1, -1});
}

TEST(MelVocoder, CorrectsWhatASinglePassMakes) {
  const support::TemporaryFolder folder;
  MelCodec plain;
  const auto with = make_codec("mel@" + write_scaling_vocoder(folder / "scaling", 0.5).string());
  EXPECT_EQ(with->name(), "mel");
  const torch::Tensor latents = plain.encode(tone());
  const torch::Tensor found = with->decode(latents);
  ASSERT_EQ(found.sizes().vec(), (std::vector<std::int64_t>{1, 1, kFrames * 320}));
  EXPECT_TRUE(torch::allclose(found.squeeze(1), 0.5 * plain.single_pass(latents), 1e-4, 1e-5));
}

TEST(MelVocoder, IsFoundByItsNameUnlessGriffinLimIsAskedFor) {
  const support::TemporaryFolder folder;
  const support::Environment home("PARTITA_HOME", (folder / "home").string());
  write_scaling_vocoder(folder / "home" / "models" / kMelVocoder, 0.5);
  MelCodec plain;
  const torch::Tensor latents = plain.encode(tone());
  const torch::Tensor griffin_lim = plain.decode(latents);
  EXPECT_TRUE(torch::equal(make_codec("mel@griffin-lim")->decode(latents), griffin_lim));
  EXPECT_FALSE(torch::allclose(make_codec("mel")->decode(latents), griffin_lim, 0.1, 0.01));
  EXPECT_THAT([] { (void)make_codec("mel@nobody"); }, ThrowsMessage<io::IoError>(HasSubstr("nobody")));
}

TEST(MelVocoder, EveryParameterLearns) {
  MelVocoder vocoder(small());
  MelCodec codec;
  const torch::Tensor latents = codec.encode(tone());
  vocoder->forward(latents, codec.single_pass(latents)).square().sum().backward();
  for (const auto& item : vocoder->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_TRUE(torch::isfinite(item.value().grad()).all().item<bool>()) << item.key();
    EXPECT_GT(item.value().grad().abs().max().item<float>(), 0.0F) << item.key();
  }
}

TEST(MelVocoder, SilenceStaysSilent) {
  MelVocoder vocoder(small());
  MelCodec codec;
  const torch::Tensor latents = codec.encode(torch::zeros({1, 1, 3200}));
  const torch::Tensor found = vocoder->forward(latents, codec.single_pass(latents));
  EXPECT_LT(found.abs().max().item<float>(), 1e-6F);
}

TEST(MelVocoder, OptionsSurviveTheirText) {
  const MelVocoderOptions read = mel_vocoder_options(io::Config::parse(to_toml(small())));
  EXPECT_EQ(to_toml(read), to_toml(small()));
  for (const char* text : {"kernel = 4", "channels = 0", "blocks = 0", "expansion = \"x\""}) {
    EXPECT_THROW((void)mel_vocoder_options(io::Config::parse(fmt::format("[vocoder]\n{}\n", text))),
                 io::IoError)
        << text;
  }
}

TEST(MelVocoder, FoldersAndSoundsThatDoNotFitAreRefused) {
  const support::TemporaryFolder folder;
  const torch::Tensor latents = torch::rand({1, 128, 4}, make_generator(1, "latents"));
  const auto other =
      make_codec("mel@" + write_scaling_vocoder(folder / "other", 0.5, "decomposition").string());
  EXPECT_THAT([&] { (void)other->decode(latents); }, ThrowsMessage<CodecError>(HasSubstr("decomposition")));
  const auto path = write_scaling_vocoder(folder / "damaged", 0.5);
  const auto damaged = make_codec("mel@" + path.string());
  std::ofstream(path / kVocoderFile, std::ios::app) << "x";
  EXPECT_THAT([&] { (void)damaged->decode(latents); }, ThrowsMessage<io::IoError>(HasSubstr("damaged")));
  MelVocoder vocoder(small());
  EXPECT_THROW((void)vocoder->forward(latents, torch::zeros({1, 4 * 320 + 1})), CodecError);
  EXPECT_THROW((void)vocoder->forward(latents, torch::zeros({2, 4 * 320})), CodecError);
}

}  // namespace
}  // namespace partita::codec
