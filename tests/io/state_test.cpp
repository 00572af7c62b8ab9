#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include "partita/io/safetensors.hpp"
#include "support/temporary_folder.hpp"

namespace partita::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// Parameters, real and whole-number buffers, and a layer without bias.
torch::nn::Sequential small_model() {
  return torch::nn::Sequential(torch::nn::Linear(torch::nn::LinearOptions(3, 4).bias(false)),
                               torch::nn::BatchNorm1d(4));
}

TensorMap cloned(const TensorMap& tensors) {
  TensorMap copies;
  for (const auto& [name, tensor] : tensors) copies.emplace(name, tensor.clone());
  return copies;
}

TEST(State, HoldsParametersAndBuffersDetached) {
  const auto model = small_model();
  const TensorMap state = state_of(*model);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state) {
    names.push_back(name);
    EXPECT_FALSE(tensor.requires_grad()) << name;
  }
  EXPECT_THAT(names, testing::ElementsAre("0.weight", "1.bias", "1.num_batches_tracked", "1.running_mean",
                                          "1.running_var", "1.weight"));
}

TEST(State, RoundTripsThroughAFile) {
  const support::TemporaryFolder folder;
  auto trained = small_model();
  trained->forward(torch::randn({8, 3}));  // moves the buffers
  write_safetensors(folder / "model.safetensors", state_of(*trained));
  auto fresh = small_model();
  load_state(*fresh, SafetensorsFile(folder / "model.safetensors").tensors(), "model.safetensors");
  const TensorMap expected = state_of(*trained);
  for (const auto& [name, tensor] : state_of(*fresh))
    EXPECT_TRUE(torch::equal(tensor, expected.at(name))) << name;
  for (const auto& parameter : fresh->parameters()) EXPECT_TRUE(parameter.requires_grad());
}

TEST(State, HalvesAreWidened) {
  auto model = small_model();
  TensorMap state = cloned(state_of(*model));
  state["0.weight"] = torch::full({4, 3}, 0.25F).to(torch::kFloat16);
  state["1.weight"] = torch::full({4}, 0.5F).to(torch::kBFloat16);
  load_state(*model, state, "halves");
  const TensorMap loaded = state_of(*model);
  EXPECT_EQ(loaded.at("0.weight").scalar_type(), torch::kFloat32);
  EXPECT_TRUE(torch::equal(loaded.at("0.weight"), torch::full({4, 3}, 0.25F)));
  EXPECT_TRUE(torch::equal(loaded.at("1.weight"), torch::full({4}, 0.5F)));
}

TEST(State, EveryFaultIsNamedAndNothingIsLoaded) {
  auto model = small_model();
  const TensorMap before = cloned(state_of(*model));
  TensorMap state = cloned(before);
  state.erase("1.running_mean");
  state["extra"] = torch::ones({1});
  state["0.weight"] = torch::ones({3, 4});
  state["1.weight"] = torch::ones({4}, torch::kInt32);
  state["1.num_batches_tracked"] = torch::tensor(1.0F);
  state["1.bias"] = torch::full({4}, 9.0F);
  EXPECT_THAT(
      [&] { load_state(*model, state, "weights.safetensors"); },
      ThrowsMessage<IoError>(AllOf(HasSubstr("weights.safetensors"), HasSubstr("'1.running_mean' is missing"),
                                   HasSubstr("'extra' is unexpected"),
                                   HasSubstr("'0.weight' has shape [3, 4], expected [4, 3]"),
                                   HasSubstr("'1.weight' is Int, expected Float"),
                                   HasSubstr("'1.num_batches_tracked' is Float, expected Long"))));
  for (const auto& [name, tensor] : state_of(*model))
    EXPECT_TRUE(torch::equal(tensor, before.at(name))) << name;
}

TEST(State, PrefixesAreWholeNameParts) {
  const TensorMap tensors = {
      {"net.x", torch::ones({1})}, {"net.y.z", torch::ones({1})}, {"network.x", torch::ones({1})}};
  const TensorMap chosen = select(tensors, "net");
  ASSERT_EQ(chosen.size(), 2U);
  EXPECT_EQ(chosen.count("x"), 1U);
  EXPECT_EQ(chosen.count("y.z"), 1U);
  const TensorMap back = with_prefix(chosen, "net");
  EXPECT_EQ(back.count("net.x"), 1U);
  EXPECT_EQ(back.count("net.y.z"), 1U);
  EXPECT_TRUE(select(tensors, "none").empty());
}

}  // namespace
}  // namespace partita::io
