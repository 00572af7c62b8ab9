#include "partita/codec/encodec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>

#include "support/encodec_weights.hpp"

namespace partita::codec {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string renamed(std::string name) {
  const auto replace = [&](const std::string& from, const std::string& to) {
    const auto at = name.find(from);
    if (at != std::string::npos) name.replace(at, from.size(), to);
  };
  replace("encoder.model.", "encoder.layers.");
  replace("decoder.model.", "decoder.layers.");
  replace(".convtr.convtr.", ".conv.");
  replace(".convtr.norm.", ".norm.");
  replace(".conv.conv.", ".conv.");
  replace(".conv.norm.", ".norm.");
  replace("quantizer.vq.", "quantizer.");
  replace("._codebook.", ".codebook.");
  return name;
}

/// What loading `weights` into the small model says.
std::string refusal(const std::string& name, const io::TensorMap& weights) {
  try {
    const Encodec codec(support::encodec_options(name, "small"), weights);
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

TEST(EncodecOptions, BandwidthsAreThePublishedOnes) {
  const EncodecOptions small = encodec_options("encodec_24khz");
  EXPECT_EQ(small.hop(), 320);
  EXPECT_EQ(small.codebooks(1.5), 2);
  EXPECT_EQ(small.codebooks(3.0), 4);
  EXPECT_EQ(small.codebooks(6.0), 8);
  EXPECT_EQ(small.codebooks(12.0), 16);
  EXPECT_EQ(small.codebooks(24.0), 32);
  const EncodecOptions large = encodec_options("encodec_48khz");
  EXPECT_EQ(large.stride(), 47520);
  EXPECT_EQ(large.codebooks(3.0), 2);
  EXPECT_EQ(large.codebooks(24.0), 16);
  EXPECT_THROW((void)large.codebooks(1.5), CodecError);
  EXPECT_THROW((void)small.codebooks(7.0), CodecError);
  EXPECT_THROW((void)encodec_options("encodec_32khz"), CodecError);
}

TEST(EncodecWeights, TransformersNamesGiveTheSameModel) {
  for (const char* name : {"encodec_24khz", "encodec_48khz"}) {
    const io::TensorMap official = support::encodec_weights(name, "small");
    io::TensorMap other, parametrized;
    for (const auto& [key, tensor] : official) {
      other.emplace(renamed(key), tensor);
      std::string newer = renamed(key);
      if (newer.ends_with("weight_g"))
        newer.replace(newer.size() - 8, 8, "parametrizations.weight.original0");
      if (newer.ends_with("weight_v"))
        newer.replace(newer.size() - 8, 8, "parametrizations.weight.original1");
      parametrized.emplace(newer, tensor);
    }
    ASSERT_TRUE(other.contains("quantizer.layers.3.codebook.embed"));
    ASSERT_TRUE(other.contains("decoder.layers.3.conv.bias"));
    ASSERT_TRUE(other.contains("encoder.layers.1.block.1.conv.bias"));
    const EncodecOptions options = support::encodec_options(name, "small");
    const torch::Tensor signal = support::noisy_signal(options.channels, 5000);
    const auto encoded = [&](const io::TensorMap& weights) {
      const Encodec codec(options, weights);
      const auto frames = codec.encode_frames(signal);
      return std::pair{frames.front().codes, codec.decode_frames(frames)};
    };
    const auto [codes, audio] = encoded(official);
    for (const auto& weights : {other, parametrized}) {
      const auto [same_codes, same_audio] = encoded(weights);
      EXPECT_TRUE(torch::equal(same_codes, codes)) << name;
      EXPECT_TRUE(torch::equal(same_audio, audio)) << name;
    }
  }
}

TEST(EncodecWeights, EveryFaultIsNamed) {
  const io::TensorMap good = support::encodec_weights("encodec_24khz", "small");
  io::TensorMap weights = good;
  weights.erase("quantizer.vq.layers.5._codebook.cluster_size");
  weights.erase("encoder.model.13.lstm.bias_hh_l1");
  weights["quantizer.vq.layers.40._codebook.embed"] = torch::zeros({1024, 16});
  weights["decoder.model.15.conv.conv.bias"] = torch::zeros({2});
  weights["quantizer.vq.layers.7._codebook.embed"] = torch::zeros({512, 16});
  EXPECT_THAT(refusal("encodec_24khz", weights),
              AllOf(HasSubstr("encodec_24khz"),
                    HasSubstr("'quantizer.vq.layers.5._codebook.cluster_size' is missing"),
                    HasSubstr("'encoder.model.13.lstm.bias_hh_l1' is missing"),
                    HasSubstr("'quantizer.vq.layers.40._codebook.embed' is unexpected"),
                    HasSubstr("'decoder.model.15.conv.conv.bias' has shape [2], expected [1]"),
                    HasSubstr("'quantizer.vq.layers.7._codebook.embed' has shape [512, 16]")));
}

TEST(EncodecWeights, RefusesHalvesThatDoNotFit) {
  const io::TensorMap good = support::encodec_weights("encodec_24khz", "small");
  const std::string stem = "encoder.model.0.conv.conv.";
  const auto changed = [&](const std::string& name, const torch::Tensor& tensor) {
    io::TensorMap weights = good;
    weights[stem + name] = tensor;
    return refusal("encodec_24khz", weights);
  };
  io::TensorMap halved = good;
  halved.erase(stem + "weight_v");
  EXPECT_THAT(refusal("encodec_24khz", halved), HasSubstr(stem + "weight_v"));
  halved = good;
  halved.erase(stem + "weight_g");
  EXPECT_THAT(refusal("encodec_24khz", halved), HasSubstr(stem + "weight"));
  EXPECT_THAT(changed("weight_g", torch::ones({4})), HasSubstr("weight norm"));
  EXPECT_THAT(changed("weight_g", torch::ones({4, 1, 1}, torch::kLong)), HasSubstr("weight norm"));
  EXPECT_THAT(changed("weight_v", torch::ones({4, 7})), HasSubstr("weight norm"));
  EXPECT_THAT(changed("weight_v", torch::ones({4, 1, 5})), HasSubstr("expected [4, 1, 7]"));
  EXPECT_THAT(changed("weight_v", torch::zeros({4, 1, 7})), HasSubstr("not finite"));
  EXPECT_THAT(changed("weight", torch::ones({4, 1, 7})), HasSubstr("both"));
  EXPECT_THAT(changed("bias", torch::full({4}, std::numeric_limits<float>::quiet_NaN())),
              HasSubstr("not finite"));
  EXPECT_THAT(changed("bias", torch::Tensor()), HasSubstr("undefined"));
}

TEST(EncodecWeights, RefusesAnotherModelsAndNone) {
  EXPECT_THAT(refusal("encodec_48khz", support::encodec_weights("encodec_24khz", "small")),
              HasSubstr("'encoder.model.0.conv.norm.weight' is missing"));
  EXPECT_THAT(refusal("encodec_24khz", {}), HasSubstr("is missing"));
  EXPECT_THAT(refusal("encodec_24khz", {{"best_state", torch::zeros({1})}}), HasSubstr("unexpected"));
}

TEST(EncodecWeights, HalfPrecisionIsWidened) {
  io::TensorMap weights = support::encodec_weights("encodec_24khz", "small");
  for (auto& [name, tensor] : weights) tensor = tensor.to(torch::kFloat16);
  EXPECT_EQ(refusal("encodec_24khz", weights), "none");
}

TEST(EncodecCodec, LatentsAreTheSumsOfTheCodesVectors) {
  Encodec codec = support::random_encodec("encodec_24khz", "small", 6.0);
  EXPECT_EQ(codec.name(), "encodec_24khz@6");
  EXPECT_EQ(codec.sample_rate(), 24000);
  EXPECT_EQ(codec.channels(), 1);
  EXPECT_EQ(codec.frame_rate(), 75.0);
  EXPECT_EQ(codec.latent_dim(), 16);
  const torch::Tensor signal = support::noisy_signal(1, 9999);
  const torch::Tensor latents = codec.encode(signal);
  EXPECT_EQ(latents.sizes(), (std::vector<std::int64_t>{1, 16, 32}));
  const auto frames = codec.encode_frames(signal);
  const io::TensorMap weights = support::encodec_weights("encodec_24khz", "small");
  torch::Tensor sum = torch::zeros({32, 16});
  for (int i = 0; i < 8; ++i) {
    sum += weights.at(fmt::format("quantizer.vq.layers.{}._codebook.embed", i))
               .index_select(0, frames.front().codes[0][i]);
  }
  EXPECT_TRUE(torch::allclose(latents[0], sum.t(), 0.0, 1e-6));
  EXPECT_TRUE(torch::equal(codec.decode(latents), codec.decode_frames(frames)));
  EXPECT_EQ(codec.codebooks(), 8);
  EXPECT_TRUE(torch::equal(codec.encode_codes(signal), frames.front().codes));
  EXPECT_TRUE(torch::equal(codec.decode_codes(frames.front().codes), latents));
}

TEST(EncodecCodec, SecondsCarryTheirScaleInTheLastChannel) {
  Encodec codec = support::random_encodec("encodec_48khz", "small", 24.0);
  EXPECT_EQ(codec.name(), "encodec_48khz");
  EXPECT_EQ(codec.latent_dim(), 17);
  EXPECT_EQ(codec.codebooks(), 0);  // codes do not say the scale
  EXPECT_THROW((void)codec.encode_codes(support::noisy_signal(2, 1000)), CodecError);
  EXPECT_EQ(codec.frame_rate(), 150.0);
  const torch::Tensor signal = support::noisy_signal(2, 100001);
  const torch::Tensor latents = codec.encode(signal);
  EXPECT_EQ(latents.sizes(), (std::vector<std::int64_t>{1, 17, 313}));
  const torch::Tensor audio = codec.decode(latents);
  EXPECT_EQ(audio.sizes(), (std::vector<std::int64_t>{1, 2, 313 * 320}));
  const torch::Tensor second = signal.narrow(2, 48000, 48000);
  const auto frame = codec.encode_frames(second).front();
  EXPECT_NEAR(latents[0][16][200].item<double>(), frame.scale.item<double>(), 1e-6);
  const torch::Tensor alone = codec.decode_frames({frame});
  EXPECT_LE((audio.narrow(2, 48000, 48000) - alone).abs().max().item<double>(),
            1e-4 * alone.abs().max().item<double>());
  // Half as loud: the same codes, half the scale.
  const torch::Tensor quiet = codec.encode(0.5 * signal);
  EXPECT_TRUE(torch::allclose(quiet.narrow(1, 16, 1), 0.5 * latents.narrow(1, 16, 1), 1e-5, 0.0));
}

TEST(EncodecCodec, PowerSpectrumIsTheDecodedSounds) {
  for (const char* name : {"encodec_24khz", "encodec_48khz"}) {
    Encodec codec = support::random_encodec(name, "small");
    const torch::Tensor latents = codec.encode(support::noisy_signal(codec.channels(), 40000));
    const torch::Tensor power = codec.power_spectrum(latents, 1024);
    EXPECT_EQ(power.sizes(), (std::vector<std::int64_t>{1, 513, latents.size(2)}));
    EXPECT_GE(power.min().item<double>(), 0.0);
    const torch::Tensor frame = codec.decode(latents).narrow(2, 320 * 40 - 512, 1024)[0];
    const torch::Tensor direct = torch::fft_rfft(frame * torch::hann_window(1024)).abs().square().mean(0);
    EXPECT_TRUE(torch::allclose(power[0].select(1, 40), direct, 1e-3, 1e-4 * direct.max().item<double>()))
        << name;
  }
}

/// Of the decoded sound, in dB.
double signal_to_noise(const torch::Tensor& exact, const torch::Tensor& rough) {
  return 10.0 * std::log10((exact.square().sum() / (rough - exact).square().sum()).item<double>());
}

TEST(EncodecCodec, Bfloat16StaysNearFloat32) {
  for (const char* name : {"encodec_24khz", "encodec_48khz"}) {
    const io::TensorMap weights = support::encodec_weights(name, "small");
    const EncodecOptions options = support::encodec_options(name, "small");
    Encodec exact(options, weights);
    std::unique_ptr<Encodec> rough;
    try {
      rough = std::make_unique<Encodec>(options, weights, 0.0, torch::kCPU, "weights", torch::kBFloat16);
    } catch (const CodecError& error) {
      GTEST_SKIP() << error.what();
    }
    const torch::Tensor latents = exact.encode(support::noisy_signal(options.channels, 50000));
    const torch::Tensor sound = exact.decode(latents);
    EXPECT_GT(signal_to_noise(sound, rough->decode(latents)), 20.0) << name;
    EXPECT_FALSE(torch::equal(sound, rough->decode(latents))) << name;
  }
  EXPECT_THROW(Encodec(support::encodec_options("encodec_24khz", "small"),
                       support::encodec_weights("encodec_24khz", "small"), 0.0, torch::kCPU, "weights",
                       torch::kFloat16),
               CodecError);
}

TEST(EncodecCodec, ContinuousLatentsAreWhatTheQuantiserTakes) {
  const io::TensorMap weights = support::encodec_weights("encodec_24khz", "small");
  Encodec codec(support::encodec_options("encodec_24khz", "small"), weights);
  const torch::Tensor signal = support::noisy_signal(1, 100001);  // three blocks
  const torch::Tensor latents = codec.continuous_latents(signal);
  ASSERT_EQ(latents.sizes(), (std::vector<std::int64_t>{1, 16, 313}));
  const torch::Tensor nearest =
      torch::cdist(latents[0].t(), weights.at("quantizer.vq.layers.0._codebook.embed")).argmin(1);
  EXPECT_GE(nearest.eq(codec.encode_codes(signal)[0][0]).to(torch::kFloat32).mean().item<double>(), 0.99);
  EXPECT_THROW((void)codec.continuous_latents(torch::zeros({1, 1, 0})), CodecError);
  const Encodec segmented = support::random_encodec("encodec_48khz", "small");
  EXPECT_THROW((void)segmented.continuous_latents(torch::zeros({1, 2, 100})), CodecError);
}

TEST(EncodecCodec, RefusesOtherShapes) {
  Encodec codec = support::random_encodec("encodec_24khz", "small");
  EXPECT_THROW((void)codec.encode(torch::zeros({1, 2, 100})), CodecError);
  EXPECT_THROW((void)codec.encode(torch::zeros({100})), CodecError);
  EXPECT_THROW((void)codec.decode(torch::zeros({1, 128, 10})), CodecError);
  EXPECT_THROW((void)codec.decode(torch::zeros({1, 16, 0})), CodecError);
  Encodec large = support::random_encodec("encodec_48khz", "small");
  EXPECT_THROW((void)large.encode(torch::zeros({1, 1, 100})), CodecError);
  EXPECT_THROW((void)large.encode(torch::zeros({1, 2, 0})), CodecError);
  EXPECT_THROW((void)large.decode(torch::zeros({1, 16, 10})), CodecError);
  EXPECT_THROW(Encodec(support::encodec_options("encodec_24khz", "small"),
                       support::encodec_weights("encodec_24khz", "small"), 5.0),
               CodecError);
}

}  // namespace
}  // namespace partita::codec
