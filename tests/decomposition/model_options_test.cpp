#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partita/decomposition/model.hpp"

namespace partita::decomposition {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// The message with which the text is refused, or nothing.
std::string refusal(const std::string& text) {
  try {
    (void)model_options(io::Config::parse(text, "model.toml"));
  } catch (const io::IoError& error) {
    return error.what();
  }
  return {};
}

TEST(ModelOptions, DefaultToThePapersDrumsAndBass) {
  const ModelOptions options = model_options(io::Config::parse(""));
  EXPECT_EQ(to_toml(options), to_toml(ModelOptions{}));
  EXPECT_EQ(options.unet.channels, (std::vector<std::int64_t>{128, 128, 256, 256, 512}));
  EXPECT_EQ(options.unet.attn, (std::vector<bool>{false, false, false, true}));
  EXPECT_EQ(options.encoder.channels, (std::vector<std::int64_t>{256, 512, 1}));
  EXPECT_EQ(options.comp_function, "mean");
}

TEST(ModelOptions, ReadBackWhatTheyWrite) {
  ModelOptions options;
  options.comp_function = "sum";
  options.component_activation = "softplus";
  options.latent_noise = 0.05;
  options.latent_hops = {1, 8};
  options.autoencoder = true;
  options.encoder.kind = "common";
  options.encoder.n_comp = 3;
  options.encoder.in_dim = 64;
  options.encoder.channels = {32, 6};
  options.encoder.kernel = {5, 3};
  options.encoder.strides = {2, 2};
  options.encoder.attn = {false, true};
  options.encoder.norm = "gn";
  options.encoder.out_fn = "tanh";
  options.encoder.add_gru = true;
  options.encoder.p_drop = 1e-5;
  options.unet.channels = {64, 32};
  options.unet.kernels = {7};
  options.unet.strides = {4};
  options.unet.attn = {true};
  options.unet.tcond_dim = 2;
  options.unet.factor = 0.1;
  options.unet.endpoint = true;
  options.unet.skip_type = "add";
  options.unet.bias = false;
  options.unet.use_nearest = true;
  const ModelOptions read = model_options(io::Config::parse(to_toml(options)));
  EXPECT_EQ(to_toml(read), to_toml(options));
  EXPECT_NE(to_toml(read), to_toml(ModelOptions{}));
  EXPECT_EQ(read.encoder.attn, options.encoder.attn);
  EXPECT_EQ(read.encoder.p_drop, options.encoder.p_drop);
  EXPECT_EQ(read.unet.factor, options.unet.factor);
  options.component_activation = "id";
  options.variant = diffusion::Variant::D;
  EXPECT_EQ(model_options(io::Config::parse(to_toml(options))).variant, diffusion::Variant::D);
}

TEST(ModelOptions, LevelsOfTheEncoderFollowItsChannels) {
  const ModelOptions options = model_options(io::Config::parse("[model.encoder]\nchannels = [8, 8, 8, 1]\n"));
  EXPECT_EQ(options.encoder.kernel, (std::vector<std::int64_t>{3, 3, 3, 3}));
  EXPECT_EQ(options.encoder.strides, (std::vector<std::int64_t>{1, 1, 1, 1}));
  EXPECT_EQ(options.encoder.attn.size(), 4U);
}

TEST(ModelOptions, NameTheKeyThatIsWrong) {
  EXPECT_THAT(refusal("[model]\ncomp_function = \"product\"\n"),
              AllOf(HasSubstr("comp_function"), HasSubstr("mean")));
  EXPECT_THAT(refusal("[model]\nvariant = \"x\"\n"), HasSubstr("variant"));
  EXPECT_THAT(refusal("[model]\nlatent_noise = -0.5\n"), HasSubstr("latent_noise"));
  EXPECT_THAT(refusal("[model]\nautoencoder = 1\n"), HasSubstr("autoencoder"));
  EXPECT_THAT(refusal("[model]\nvariants = \"c\"\n"), HasSubstr("variants"));
  EXPECT_THAT(refusal("[model.encoder]\nkind = \"both\"\n"), HasSubstr("kind"));
  EXPECT_THAT(refusal("[model.encoder]\nn_comp = 0\n"), HasSubstr("n_comp"));
  EXPECT_THAT(refusal("[model.encoder]\nchannels = []\n"), HasSubstr("channels"));
  EXPECT_THAT(refusal("[model.encoder]\nkernel = [3, 3]\n"), HasSubstr("kernel"));
  EXPECT_THAT(refusal("[model.encoder]\nnorm = \"ln\"\n"), HasSubstr("norm"));
  EXPECT_THAT(refusal("[model.encoder]\nwidth = 3\n"), HasSubstr("width"));
  EXPECT_THAT(refusal("[model.unet]\nattn = [0, 0, 0, 2]\n"), HasSubstr("attn"));
  EXPECT_THAT(refusal("[model.unet]\nchannels = [128, 128]\n"), HasSubstr("kernels"));
  EXPECT_THAT(refusal("[model.unet]\nchannels = [128]\n"), HasSubstr("channels"));
  EXPECT_THAT(refusal("[model.unet]\ncond_dim = 5\n"), HasSubstr("cond_dim"));
  EXPECT_THAT(refusal("[model.unet]\np_drop = 1.5\n"), HasSubstr("p_drop"));
  EXPECT_THAT(refusal("[model.unet]\nfactor = \"many\"\n"), HasSubstr("factor"));
  EXPECT_EQ(refusal("[training]\nsteps = 3\n"), "");
}

}  // namespace
}  // namespace partita::decomposition
