#include "partita/decomposition/model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "partita/base/random.hpp"
#include "support/golden_options.hpp"

namespace partita::decomposition {
namespace {

constexpr std::int64_t kFrames = 16;

ModelOptions golden_options(const io::SafetensorsFile& file, const std::string& operator_name) {
  ModelOptions options;
  options.unet = golden::unet_options(file.metadata().at("unet"));
  options.encoder = golden::encoder_options(file.metadata().at("encoder"));
  options.comp_function = operator_name;
  return options;
}

DecompositionModel golden_model(const io::SafetensorsFile& file, const std::string& operator_name) {
  DecompositionModel model(golden_options(file, operator_name));
  io::load_state(*model, file.tensors("shared/weights/"), "golden model");
  model->eval();
  return model;
}

ModelOptions small_options() {
  ModelOptions options;
  options.encoder.n_comp = 3;
  options.encoder.in_dim = 4;
  options.encoder.channels = {6, 1};
  options.encoder.kernel = {3, 3};
  options.encoder.strides = {2, 1};
  options.encoder.attn = {false, false};
  options.unet.channels = {4, 6, 8};
  options.unet.kernels = {5, 3};
  options.unet.strides = {2, 2};
  options.unet.attn = {false, false};
  options.unet.cond_dim = 8;
  return options;
}

DecompositionModel small_model(const ModelOptions& options) {
  torch::manual_seed(1);
  DecompositionModel model(options);
  model->eval();
  return model;
}

torch::Generator generator() { return make_generator(7, "test"); }

std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const DecompositionError& error) {
    return error.what();
  }
  return {};
}

TEST(DecompositionGolden, ForwardIsTheReferences) {
  const torch::NoGradGuard no_grad;
  const io::SafetensorsFile file(golden::golden_path("decomposition.safetensors"));
  const io::TensorMap shared = file.tensors("shared/");
  const torch::Tensor& alpha = shared.at("alpha");
  const torch::Tensor x_alpha = diffusion::blend(shared.at("x"), shared.at("base"), alpha);
  for (const std::string name : {"sum", "mean", "min", "max"}) {
    DecompositionModel model = golden_model(file, name);
    const torch::Tensor z = model->encode(shared.at("x"));
    golden::expect_close(z, shared.at("z"), name);
    const torch::Tensor components = model->components(x_alpha, alpha, z);
    golden::expect_close(components, shared.at("components"), name);
    golden::expect_close(model->component(x_alpha, alpha, z, 1), shared.at("component_1"), name);
    golden::expect_close(model->compose(components), file.tensor(name + "/out"), name);
  }
}

/// The IADB loss of the composed prediction.
torch::Tensor golden_loss(DecompositionModel& model, const io::TensorMap& shared,
                          diffusion::Variant variant) {
  const torch::Tensor& x = shared.at("x");
  const torch::Tensor& base = shared.at("base");
  const torch::Tensor& alpha = shared.at("alpha");
  const torch::Tensor prediction =
      model->compose(model->components(diffusion::blend(x, base, alpha), alpha, model->encode(x)));
  return diffusion::loss(variant, prediction, x, base);
}

TEST(DecompositionGolden, GradientsAreTheReferences) {
  const io::SafetensorsFile file(golden::golden_path("decomposition.safetensors"));
  const io::TensorMap shared = file.tensors("shared/");
  const std::vector<std::pair<std::string, char>> cases{
      {"sum", 'c'}, {"mean", 'c'}, {"mean", 'd'}, {"min", 'c'}, {"max", 'c'}};
  for (const auto& [name, letter] : cases) {
    DecompositionModel model = golden_model(file, name);
    const auto variant = diffusion::parse_variant(std::string(1, letter));
    golden::expect_close(golden_loss(model, shared, variant),
                         file.tensor(fmt::format("{}/loss_{}", name, letter)), name);
    model->to(torch::kFloat64);
    golden_loss(model, golden::precise(shared), variant).backward();
    golden::expect_gradients(*model, file.tensors(fmt::format("{}/gradients_{}/", name, letter)), name);
  }
}

TEST(DecompositionModel, TakesOneStateForAllOrOneForEach) {
  const torch::NoGradGuard no_grad;
  DecompositionModel model = small_model(small_options());
  const torch::Tensor x = torch::randn({2, 4, kFrames});
  const torch::Tensor alpha = torch::rand({2});
  const torch::Tensor z = model->encode(x);
  const torch::Tensor together = model->components(x, alpha, z);
  const torch::Tensor states = x.unsqueeze(1).expand({2, 3, 4, kFrames});
  golden::expect_close(model->components(states, alpha, z), together, "a state for each");
  for (std::int64_t k = 0; k < 3; ++k) {
    golden::expect_close(model->component(x, alpha, z, k), together.select(1, k),
                         fmt::format("component {}", k));
  }
}

TEST(DecompositionModel, ConstrainsComponents) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor x = torch::randn({2, 4, kFrames});
  const torch::Tensor alpha = torch::rand({2});
  ModelOptions options = small_options();
  DecompositionModel free = small_model(options);
  const torch::Tensor z = free->encode(x);
  const torch::Tensor unconstrained = free->components(x, alpha, z);
  ASSERT_LT(unconstrained.min().item<float>(), 0.0F);
  options.component_activation = "softplus";
  golden::expect_close(small_model(options)->components(x, alpha, z), torch::softplus(unconstrained),
                       "softplus");
  options.component_activation = "relu";
  DecompositionModel rectified = small_model(options);
  golden::expect_close(rectified->components(x, alpha, z), torch::relu(unconstrained), "relu");
  golden::expect_close(rectified->component(x, alpha, z, 0), torch::relu(unconstrained).select(1, 0), "relu");
}

TEST(DecompositionModel, AddsLatentNoiseInTrainingAlone) {
  const torch::NoGradGuard no_grad;
  ModelOptions options = small_options();
  options.latent_noise = 0.05;
  DecompositionModel model = small_model(options);
  const torch::Tensor x = torch::randn({8, 4, 256});
  const torch::Tensor z = model->encode(x);
  EXPECT_TRUE(torch::equal(model->encode(x), z));
  model->train();
  const torch::Tensor noise = model->encode(x) - z;
  EXPECT_NEAR(noise.std().item<float>(), 0.05F, 0.005F);
}

TEST(DecompositionModel, HoldsSlowerLatents) {
  const torch::NoGradGuard no_grad;
  ModelOptions options = small_options();
  DecompositionModel fast = small_model(options);
  options.latent_hops = {1, 4, 3};
  DecompositionModel model = small_model(options);
  const torch::Tensor x = torch::randn({2, 4, 32});
  const torch::Tensor own = fast->encode(x);
  const torch::Tensor z = model->encode(x);
  ASSERT_EQ(z.sizes(), own.sizes());
  EXPECT_TRUE(torch::equal(z.select(1, 0), own.select(1, 0)));
  const torch::Tensor runs = z.select(1, 1).unflatten(2, {z.size(3) / 4, 4});
  golden::expect_close(runs, own.select(1, 1).unflatten(2, {z.size(3) / 4, 4}).mean(3, true).expand_as(runs),
                       "runs of 4");
  options.latent_noise = 0.05;
  DecompositionModel noisy = small_model(options);
  noisy->train();
  const torch::Tensor noise = (noisy->encode(x) - z).select(1, 1).unflatten(2, {z.size(3) / 4, 4});
  EXPECT_LT(golden::peak(noise - noise.narrow(3, 0, 1)), 1e-6);
  EXPECT_GT(golden::peak(noise), 0.0);
}

TEST(DecompositionModel, AsAnAutoencoderSeesNeitherStateNorLevel) {
  const torch::NoGradGuard no_grad;
  DecompositionModel model = small_model(small_options());
  const torch::Tensor x = torch::randn({2, 4, kFrames});
  const torch::Tensor z = model->encode(x);
  const torch::Tensor expected = model->components(torch::zeros_like(x), torch::zeros({2}), z);
  model->set_autoencoder(true);
  EXPECT_TRUE(torch::equal(model->components(x, torch::rand({2}), z), expected));
  golden::expect_close(model->component(x, torch::rand({2}), z, 2), expected.select(1, 2), "component 2");
  EXPECT_TRUE(torch::equal(decompose(model, x, {}, generator()), expected));
}

TEST(DecompositionModel, RefusesOptionsThatDoNotFit) {
  using testing::HasSubstr;
  const auto changed = [](auto change) {
    ModelOptions options = small_options();
    change(options);
    return refusal([&] { const DecompositionModel model(options); });
  };
  EXPECT_THAT(changed([](auto& o) { o.encoder.in_dim = 5; }), HasSubstr("begin with 4"));
  EXPECT_THAT(changed([](auto& o) { o.unet.tcond_dim = 2; }), HasSubstr("tcond_dim is 2"));
  EXPECT_THAT(changed([](auto& o) { o.comp_function = "product"; }), HasSubstr("use one of sum"));
  EXPECT_THAT(changed([](auto& o) { o.component_activation = "tanh"; }), HasSubstr("'tanh' is unknown"));
  EXPECT_THAT(changed([](auto& o) { o.latent_noise = -1.0; }), HasSubstr("latent_noise is -1"));
  EXPECT_THAT(changed([](auto& o) { o.latent_hops = {1, 2}; }), HasSubstr("latent_hops is [1, 2]"));
  EXPECT_THAT(changed([](auto& o) { o.latent_hops = {1, 0, 2}; }), HasSubstr("latent_hops is [1, 0, 2]"));
  EXPECT_THAT(changed([](auto& o) {
                o.component_activation = "softplus";
                o.variant = diffusion::Variant::D;
              }),
              HasSubstr("variant d predicts directions"));
}

TEST(DecompositionModel, RefusesTensorsThatDoNotFit) {
  DecompositionModel model = small_model(small_options());
  const torch::Tensor x = torch::randn({2, 4, kFrames});
  const torch::Tensor alpha = torch::rand({2});
  const torch::Tensor z = torch::randn({2, 3, 1, kFrames});
  EXPECT_NO_THROW(model->components(x, alpha, z));
  EXPECT_THROW(model->components({}, alpha, z), DecompositionError);
  EXPECT_THROW(model->components(x[0], alpha, z), DecompositionError);
  EXPECT_THROW(model->components(torch::randn({2, 2, 4, kFrames}), alpha, z), DecompositionError);
  EXPECT_THROW(model->components(x, alpha, z.select(1, 0)), DecompositionError);
  EXPECT_THROW(model->components(x, alpha, z.narrow(1, 0, 2)), DecompositionError);
  EXPECT_THROW(model->component(x, alpha, z, 3), DecompositionError);
  EXPECT_THROW(model->component(x, alpha, z, -1), DecompositionError);
  EXPECT_THROW((void)model->compose({}), DecompositionError);
}

TEST(Decompose, SamplesEachComponentAloneFromOneNoise) {
  for (const auto variant : {diffusion::Variant::C, diffusion::Variant::D}) {
    ModelOptions options = small_options();
    options.variant = variant;
    DecompositionModel model = small_model(options);
    const torch::Tensor x = torch::randn({2, 4, kFrames});
    const torch::Tensor found = decompose(model, x, {5, false}, generator());
    const torch::NoGradGuard no_grad;
    const torch::Tensor z = model->encode(x);
    const torch::Tensor base = torch::randn(x.sizes(), generator());
    for (std::int64_t k = 0; k < 3; ++k) {
      const diffusion::Network network = [&](const torch::Tensor& state, const torch::Tensor& alpha) {
        return model->component(state, alpha, z, k);
      };
      const torch::Tensor expected = diffusion::sample({variant, 5}, network, base);
      golden::expect_close(found.select(1, k), expected, fmt::format("component {}", k));
    }
    EXPECT_FALSE(found.requires_grad());
  }
}

TEST(Decompose, RepeatsItselfWithTheSameSeed) {
  DecompositionModel model = small_model(small_options());
  const torch::Tensor x = torch::randn({1, 4, kFrames});
  const torch::Tensor first = decompose(model, x, {4, false}, generator());
  EXPECT_TRUE(torch::equal(decompose(model, x, {4, false}, generator()), first));
  EXPECT_FALSE(torch::equal(decompose(model, x, {4, false}, make_generator(8, "test")), first));
}

TEST(Decompose, WithConsistencyTheComponentsMakeTheMixture) {
  for (const auto variant : {diffusion::Variant::C, diffusion::Variant::D}) {
    for (const std::string name : {"mean", "sum"}) {
      for (const bool autoencoder : {false, true}) {
        ModelOptions options = small_options();
        options.variant = variant;
        options.comp_function = name;
        options.autoencoder = autoencoder;
        if (autoencoder && variant == diffusion::Variant::D) {
          continue;
        }
        DecompositionModel model = small_model(options);
        const torch::Tensor x = torch::randn({2, 4, kFrames});
        const torch::Tensor parts = decompose(model, x, {6, true}, generator());
        golden::expect_close(model->compose(parts), x, name);
      }
    }
  }
}

TEST(Decompose, RefusesWhatDoesNotFit) {
  using testing::HasSubstr;
  DecompositionModel model = small_model(small_options());
  const torch::Tensor x = torch::randn({1, 4, kFrames});
  const auto refused = [&](const torch::Tensor& input, const DecomposeOptions& options) {
    return refusal([&] { (void)decompose(model, input, options, generator()); });
  };
  EXPECT_THAT(refused(x[0], {2, false}), HasSubstr("expected [batch, 4, frames]"));
  EXPECT_THAT(refused(torch::randn({1, 4, 18}), {2, false}), HasSubstr("a multiple of 4"));
  EXPECT_THROW((void)decompose(model, x, {0, false}, generator()), diffusion::DiffusionError);
  ModelOptions options = small_options();
  options.comp_function = "max";
  DecompositionModel loudest = small_model(options);
  EXPECT_THAT(refusal([&] {
                (void)decompose(loudest, x, {2, true}, generator());
              }),
              HasSubstr("the model's is 'max'"));
  model->train();
  EXPECT_THAT(refused(x, {2, false}), HasSubstr("training mode"));
}

}  // namespace
}  // namespace partita::decomposition
