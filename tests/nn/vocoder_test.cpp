#include "partita/nn/vocoder.hpp"

#include <gtest/gtest.h>

#include "partita/base/random.hpp"
#include "partita/io/safetensors.hpp"
#include "support/golden.hpp"

namespace partita::nn {
namespace {

/// The sizes of scripts/golden/vocoder.py.
VocoderOptions small() {
  VocoderOptions options;
  options.in_dim = 5;
  options.out_dim = 6;
  options.channels = 8;
  options.blocks = 2;
  options.kernel = 7;
  options.expansion = 12;
  return options;
}

torch::Tensor input(std::int64_t frames) { return torch::randn({2, 5, frames}, make_generator(3, "input")); }

TEST(Vocoder, EqualsVocossBackbone) {
  const io::SafetensorsFile file(golden::golden_path("vocoder.safetensors"));
  Vocoder network(small());
  io::load_state(*network, file.tensors("weights/"), "vocoder.safetensors");
  golden::expect_close(network->forward(file.tensor("x")), file.tensor("y"), "y");
  network->to(torch::kFloat64);
  network->forward(file.tensor("x").to(torch::kFloat64)).square().mean().backward();
  golden::expect_gradients(*network, file.tensors("gradients/"), "gradients");
}

TEST(Vocoder, KeepsTimeAndBeginsNearZero) {
  Vocoder network(small());
  for (const std::int64_t frames : {1, 2, 17}) {
    const torch::Tensor y = network->forward(input(frames));
    ASSERT_EQ(y.sizes().vec(), (std::vector<std::int64_t>{2, 6, frames}));
    EXPECT_LT(y.abs().max().item<float>(), 0.3F);  // normalised inputs, weights within 0.1 / √8
  }
}

TEST(Vocoder, OptionsAndShapesThatDoNotFitAreRefused) {
  const auto refused = [](auto change) {
    VocoderOptions options = small();
    change(options);
    EXPECT_THROW(Vocoder{options}, NetworkError);
  };
  refused([](VocoderOptions& o) { o.in_dim = 0; });
  refused([](VocoderOptions& o) { o.out_dim = 0; });
  refused([](VocoderOptions& o) { o.channels = 0; });
  refused([](VocoderOptions& o) { o.blocks = 0; });
  refused([](VocoderOptions& o) { o.kernel = 4; });
  refused([](VocoderOptions& o) { o.expansion = 0; });
  Vocoder network(small());
  EXPECT_THROW((void)network->forward(torch::rand({2, 4, 8})), NetworkError);
  EXPECT_THROW((void)network->forward(torch::rand({2, 5, 0})), NetworkError);
  EXPECT_THROW((void)network->forward(torch::rand({5, 8})), NetworkError);
  EXPECT_THROW((void)network->forward({}), NetworkError);
}

}  // namespace
}  // namespace partita::nn
