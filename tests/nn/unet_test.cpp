#include "partita/nn/unet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/golden_options.hpp"

namespace partita::nn {
namespace {

constexpr std::int64_t kGoldenFrames = 24;

UNet load(const io::SafetensorsFile& file, const std::string& name, bool published) {
  UNet unet(golden::unet_options(file.metadata().at(name), published));
  io::load_state(*unet, file.tensors(name + "/weights/"), name);
  unet->eval();
  return unet;
}

torch::Tensor condition(const io::TensorMap& tensors, const std::string& frames) {
  const auto found = tensors.find("condition/" + frames);
  return found == tensors.end() ? torch::Tensor() : found->second;
}

void expect_forward(UNet& unet, const io::TensorMap& tensors, const std::string& kind,
                    const std::string& what) {
  const torch::NoGradGuard no_grad;
  const std::string full = std::to_string(kGoldenFrames);
  for (const auto& [name, expected] : tensors) {
    if (name.starts_with(kind + "/alpha_")) {
      const float level = std::stof(name.substr(kind.size() + 7));
      const torch::Tensor alpha = torch::full({2}, level);
      golden::expect_close(unet->forward(tensors.at("x"), alpha, condition(tensors, full)), expected,
                           what + " " + name);
    } else if (name.starts_with(kind + "/condition_")) {
      const torch::Tensor cond = condition(tensors, name.substr(kind.size() + 11));
      golden::expect_close(unet->forward(tensors.at("x"), tensors.at("alpha"), cond), expected,
                           what + " " + name);
    }
  }
}

/// The IADB loss of variant c or d at the golden blend.
torch::Tensor golden_loss(UNet& unet, const io::TensorMap& tensors, char variant) {
  const torch::Tensor& x = tensors.at("x");
  const torch::Tensor& base = tensors.at("base");
  const torch::Tensor alpha = tensors.at("alpha").view({-1, 1, 1});
  const torch::Tensor out = unet->forward(alpha * x + (1 - alpha) * base, tensors.at("alpha"),
                                          condition(tensors, std::to_string(kGoldenFrames)));
  return torch::mse_loss(out, variant == 'c' ? x : x - base);
}

UNetOptions small_options() {
  UNetOptions options;
  options.channels = {4, 6, 8};
  options.kernels = {5, 3};
  options.strides = {2, 2};
  options.attn = {false, false};
  options.cond_dim = 8;
  options.p_drop = 0.0;
  return options;
}

std::string refusal(const UNetOptions& options) {
  try {
    const UNet unet(options);
  } catch (const NetworkError& error) {
    return error.what();
  }
  return {};
}

TEST(UNetGolden, ForwardIsTheReferences) {
  const io::SafetensorsFile file(golden::golden_path("unet.safetensors"));
  ASSERT_GE(file.metadata().size(), 14U);
  for (const auto& [name, text] : file.metadata()) {
    const io::TensorMap tensors = file.tensors(name + "/");
    UNet described = load(file, name, false);
    expect_forward(described, tensors, "described", name);
    UNet published = load(file, name, true);
    expect_forward(published, tensors, "published", name);
  }
}

TEST(UNetGolden, GradientsAreTheReferences) {
  const io::SafetensorsFile file(golden::golden_path("unet.safetensors"));
  for (const auto& [name, text] : file.metadata()) {
    const io::TensorMap tensors = file.tensors(name + "/");
    for (const char variant : {'c', 'd'}) {
      const std::string loss_name = fmt::format("loss_{}", variant);
      if (!tensors.contains(loss_name)) {
        continue;
      }
      UNet unet = load(file, name, variant == 'd');  // the generator takes d from the published network
      const torch::Tensor loss = golden_loss(unet, tensors, variant);
      golden::expect_close(loss, tensors.at(loss_name), name);
      unet->to(torch::kFloat64);
      golden_loss(unet, golden::precise(tensors), variant).backward();
      golden::expect_gradients(*unet, file.tensors(fmt::format("{}/gradients_{}/", name, variant)), name);
    }
  }
}

TEST(UNet, PaperConfigurationHasTheReferencesParameters) {
  golden::expect_names(*UNet(UNetOptions{}), "paper_unet.txt");
}

TEST(UNet, PriorConfigurationHasTheReferencesParameters) {
  UNetOptions options;
  options.channels = {2, 64, 128, 256, 512};
  options.kernels = {3, 3, 3, 3};
  options.strides = {1, 2, 2, 2};
  options.tcond_dim = 2;
  golden::expect_names(*UNet(options), "paper_prior_unet.txt");
}

TEST(UNet, SeesTheNoiseLevelUnlessAsPublished) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor x = torch::randn({1, 4, 16});
  const torch::Tensor cond = torch::randn({1, 1, 16});
  UNetOptions options = small_options();
  UNet described(options);
  options.factor = 0.0;
  options.endpoint = true;
  UNet published(options);
  const torch::Tensor low = torch::tensor({0.1F});
  const torch::Tensor high = torch::tensor({0.9F});
  EXPECT_FALSE(torch::equal(described->forward(x, low, cond), described->forward(x, high, cond)));
  EXPECT_TRUE(torch::equal(published->forward(x, low, cond), published->forward(x, high, cond)));
}

TEST(UNet, TakesConditionsOfAnyLength) {
  const torch::NoGradGuard no_grad;
  UNet unet(small_options());
  const torch::Tensor x = torch::randn({2, 4, 36});
  for (std::int64_t frames = 1; frames <= 80; ++frames) {
    const torch::Tensor y = unet->forward(x, torch::rand({2}), torch::randn({2, 1, frames}));
    ASSERT_EQ(y.sizes(), x.sizes()) << frames;
  }
}

TEST(UNet, EvaluatesEachItemOfABatchAlone) {
  const torch::NoGradGuard no_grad;
  UNet unet(small_options());
  unet->eval();
  const torch::Tensor x = torch::randn({3, 4, 16});
  const torch::Tensor alpha = torch::rand({3});
  const torch::Tensor cond = torch::randn({3, 1, 8});
  const torch::Tensor all = unet->forward(x, alpha, cond);
  for (std::int64_t i = 0; i < 3; ++i) {
    const torch::Tensor one = unet->forward(x.narrow(0, i, 1), alpha.narrow(0, i, 1), cond.narrow(0, i, 1));
    golden::expect_close(one, all.narrow(0, i, 1), fmt::format("item {}", i));
  }
}

TEST(UNet, DropsOutInTrainingAlone) {
  const torch::NoGradGuard no_grad;
  UNetOptions options = small_options();
  options.p_drop = 0.5;
  UNet unet(options);
  const torch::Tensor x = torch::randn({1, 4, 16});
  const torch::Tensor cond = torch::randn({1, 1, 16});
  const torch::Tensor alpha = torch::tensor({0.5F});
  EXPECT_FALSE(torch::equal(unet->forward(x, alpha, cond), unet->forward(x, alpha, cond)));
  unet->eval();
  EXPECT_TRUE(torch::equal(unet->forward(x, alpha, cond), unet->forward(x, alpha, cond)));
}

TEST(UNet, RefusesOptionsThatDoNotFit) {
  using testing::HasSubstr;
  const auto changed = [](auto change) {
    UNetOptions options = small_options();
    change(options);
    return refusal(options);
  };
  EXPECT_EQ(refusal(small_options()), "");
  EXPECT_THAT(changed([](auto& o) { o.kernels = {5}; }), HasSubstr("3, 1, 2 and 2 entries"));
  EXPECT_THAT(changed([](auto& o) { o.channels = {4, 0, 8}; }), HasSubstr("[4, 0, 8]"));
  EXPECT_THAT(changed([](auto& o) { o.strides = {2, -1}; }), HasSubstr("strides"));
  EXPECT_THAT(changed([](auto& o) { o.norm = "ln"; }), HasSubstr("use 'gn', 'bn' or 'none'"));
  EXPECT_THAT(changed([](auto& o) { o.norm = "batch"; }), HasSubstr("'batch' is unknown"));
  EXPECT_THAT(changed([](auto& o) { o.activation = "gelu"; }), HasSubstr("'gelu' is unknown"));
  EXPECT_THAT(changed([](auto& o) { o.skip_type = "mul"; }), HasSubstr("'mul' is unknown"));
  EXPECT_THAT(changed([](auto& o) { o.p_drop = 1.0; }), HasSubstr("p_drop"));
  EXPECT_THAT(changed([](auto& o) { o.cond_dim = 7; }), HasSubstr("cond_dim is 7"));
  EXPECT_THAT(changed([](auto& o) { o.cond_dim = 2; }), HasSubstr("cond_dim is 2"));
  EXPECT_THAT(changed([](auto& o) { o.tcond_dim = -1; }), HasSubstr("tcond_dim"));
  EXPECT_THAT(changed([](auto& o) { o.attn = {true, false}; }), HasSubstr("self-attention on 4 channels"));
}

TEST(UNet, RefusesTensorsThatDoNotFit) {
  UNet unet(small_options());
  const torch::Tensor x = torch::randn({2, 4, 16});
  const torch::Tensor alpha = torch::rand({2});
  const torch::Tensor cond = torch::randn({2, 1, 16});
  EXPECT_NO_THROW(unet->forward(x, alpha, cond));
  EXPECT_THROW(unet->forward({}, alpha, cond), NetworkError);
  EXPECT_THROW(unet->forward(x[0], alpha, cond), NetworkError);
  EXPECT_THROW(unet->forward(torch::randn({2, 5, 16}), alpha, cond), NetworkError);
  EXPECT_THROW(unet->forward(torch::randn({2, 4, 18}), alpha, cond), NetworkError);
  EXPECT_THROW(unet->forward(torch::randn({2, 4, 0}), alpha, cond), NetworkError);
  EXPECT_THROW(unet->forward(x, torch::rand({3}), cond), NetworkError);
  EXPECT_THROW(unet->forward(x, torch::rand({2, 1}), cond), NetworkError);
  EXPECT_THROW(unet->forward(x, alpha), NetworkError);
  EXPECT_THROW(unet->forward(x, alpha, torch::randn({2, 2, 16})), NetworkError);
  EXPECT_THROW(unet->forward(x, alpha, torch::randn({1, 1, 16})), NetworkError);
  UNetOptions options = small_options();
  options.tcond_dim = 0;
  UNet without(options);
  EXPECT_NO_THROW(without->forward(x, alpha));
  EXPECT_THROW(without->forward(x, alpha, cond), NetworkError);
}

}  // namespace
}  // namespace partita::nn
