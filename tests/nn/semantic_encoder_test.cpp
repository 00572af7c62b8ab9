#include "partita/nn/semantic_encoder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/golden_options.hpp"

namespace partita::nn {
namespace {

SemanticEncoderOptions small_options() {
  SemanticEncoderOptions options;
  options.in_dim = 4;
  options.channels = {6, 2};
  options.kernel = {3, 3};
  options.strides = {1, 2};
  options.attn = {false, false};
  return options;
}

std::string refusal(const SemanticEncoderOptions& options) {
  try {
    const SemanticEncoder encoder(options);
  } catch (const NetworkError& error) {
    return error.what();
  }
  return {};
}

TEST(SemanticEncoderGolden, ForwardAndGradientsAreTheReferences) {
  const io::SafetensorsFile file(golden::golden_path("semantic_encoder.safetensors"));
  ASSERT_GE(file.metadata().size(), 10U);
  for (const auto& [name, text] : file.metadata()) {
    const io::TensorMap tensors = file.tensors(name + "/");
    SemanticEncoder encoder(golden::encoder_options(text));
    io::load_state(*encoder, file.tensors(name + "/weights/"), name);
    encoder->eval();
    const torch::Tensor z = encoder->forward(tensors.at("x"));
    golden::expect_close(z, tensors.at("z"), name);
    EXPECT_EQ(z.size(2), encoder->latent_channels()) << name;
    const torch::Tensor loss = torch::mse_loss(z, tensors.at("target"));
    golden::expect_close(loss, tensors.at("loss"), name);
    encoder->to(torch::kFloat64);
    const io::TensorMap precise = golden::precise(tensors);
    torch::mse_loss(encoder->forward(precise.at("x")), precise.at("target")).backward();
    golden::expect_gradients(*encoder, file.tensors(name + "/gradients/"), name);
  }
}

TEST(SemanticEncoder, PaperConfigurationHasTheReferencesParameters) {
  golden::expect_names(*SemanticEncoder(SemanticEncoderOptions{}), "paper_semantic_encoder.txt");
}

TEST(SemanticEncoder, BoundsLatentsWithTanh) {
  const torch::NoGradGuard no_grad;
  SemanticEncoderOptions options = small_options();
  options.out_fn = "tanh";
  const torch::Tensor z = SemanticEncoder(options)->forward(100 * torch::randn({1, 4, 32}));
  EXPECT_LE(golden::peak(z), 1.0);
}

TEST(SemanticEncoder, RoundsLatentFramesUp) {
  const torch::NoGradGuard no_grad;
  SemanticEncoder encoder(small_options());
  for (std::int64_t frames = 1; frames < 12; ++frames) {
    const std::vector<std::int64_t> expected{1, 2, 2, (frames + 1) / 2};
    EXPECT_EQ(encoder->forward(torch::randn({1, 4, frames})).sizes(), torch::IntArrayRef(expected));
  }
}

TEST(SemanticEncoder, RefusesWhatDoesNotFit) {
  using testing::HasSubstr;
  const auto changed = [](auto change) {
    SemanticEncoderOptions options = small_options();
    change(options);
    return refusal(options);
  };
  EXPECT_EQ(refusal(small_options()), "");
  EXPECT_THAT(changed([](auto& o) { o.strides = {1}; }), HasSubstr("2, 2, 1 and 2 entries"));
  EXPECT_THAT(changed([](auto& o) { o.kernel = {3, 0}; }), HasSubstr("[3, 0]"));
  EXPECT_THAT(changed([](auto& o) { o.n_comp = 0; }), HasSubstr("n_comp is 0"));
  EXPECT_THAT(changed([](auto& o) { o.kind = "shared"; }), HasSubstr("'shared' is unknown"));
  EXPECT_THAT(changed([](auto& o) { o.out_fn = "sigmoid"; }), HasSubstr("'sigmoid' is unknown"));
  EXPECT_THAT(changed([](auto& o) { o.attn = {true, false}; }), HasSubstr("self-attention on 4 channels"));
  EXPECT_THAT(changed([](auto& o) {
                o.kind = "common";
                o.channels = {6, 3};
              }),
              HasSubstr("do not divide into 2 components"));
  SemanticEncoder encoder(small_options());
  EXPECT_THROW(encoder->forward({}), NetworkError);
  EXPECT_THROW(encoder->forward(torch::randn({4, 16})), NetworkError);
  EXPECT_THROW(encoder->forward(torch::randn({1, 5, 16})), NetworkError);
  EXPECT_THROW(encoder->forward(torch::randn({1, 4, 0})), NetworkError);
}

}  // namespace
}  // namespace partita::nn
