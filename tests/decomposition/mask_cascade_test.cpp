#include "partita/decomposition/mask_cascade.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "partita/base/random.hpp"
#include "partita/io/atomic_file.hpp"
#include "support/tiny_model.hpp"

namespace partita::decomposition {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class Cascade : public testing::Test {
 protected:
  /// The same networks under other names.
  [[nodiscard]] io::ModelFolder renamed(const std::string& names) const {
    const std::filesystem::path copy = folder / "renamed";
    std::filesystem::copy(model.path(), copy);
    std::string card = io::read_file(copy / "model.toml");
    const std::string before = "components = [\"drums\", \"bass\"]";
    io::write_file(copy / "model.toml",
                   card.replace(card.find(before), before.size(), "components = [" + names + "]"));
    return io::ModelFolder(copy);
  }

  support::TemporaryFolder folder;
  io::ModelFolder model = tiny_model_with_masks(folder);
  std::shared_ptr<codec::Codec> codec = codec::make_codec("mel", torch::kCPU);
  torch::Tensor x = torch::rand({2, 128, 16}, make_generator(5, "latents"));
  torch::Tensor alone = MaskCascade({model}, torch::kCPU).parts(x, *codec);
};

TEST_F(Cascade, OfOneModelIsItsMasks) {
  const torch::Tensor shares = load_masks(model, model_options(model.card()), torch::kCPU)->forward(x);
  EXPECT_TRUE(torch::equal(alone, codec->share_out(x, shares)));
}

TEST_F(Cascade, TakesTheLastComponentApart) {
  MaskCascade cascade({model, renamed("\"bass\", \"piano\"")}, torch::kCPU);
  EXPECT_THAT(cascade.names(), ElementsAre("drums", "bass", "piano"));
  const torch::Tensor parts = cascade.parts(x, *codec);
  ASSERT_EQ(parts.sizes(), (std::vector<std::int64_t>{2, 3, 128, 16}));
  EXPECT_TRUE(torch::equal(parts.select(1, 0), alone.select(1, 0)));
  const torch::Tensor rest = MaskCascade({model}, torch::kCPU).parts(alone.select(1, 1), *codec);
  EXPECT_TRUE(torch::equal(parts.narrow(1, 1, 2), rest));
  EXPECT_TRUE(torch::allclose(codec->superpose(parts), x, 1e-4, 1e-5));
}

TEST_F(Cascade, ComesInTheOrderAskedFor) {
  MaskCascade cascade({model, renamed("\"bass\", \"piano\"")}, torch::kCPU);
  const torch::Tensor before = cascade.parts(x, *codec);
  cascade.reorder({"piano", "drums", "bass"});
  EXPECT_THAT(cascade.names(), ElementsAre("piano", "drums", "bass"));
  EXPECT_TRUE(torch::equal(cascade.parts(x, *codec),
                           torch::stack({before.select(1, 2), before.select(1, 0), before.select(1, 1)}, 1)));
  cascade.reorder({"drums", "bass", "piano"});
  EXPECT_TRUE(torch::equal(cascade.parts(x, *codec), before));
  EXPECT_THAT(
      [&] {
        cascade.reorder({"drums", "bass", "guitar"});
      },
      ThrowsMessage<DecompositionError>(HasSubstr("masks that find drums, bass, piano cannot teach")));
}

TEST_F(Cascade, RefusesNoModelNoMasksAndNamesTwice) {
  EXPECT_THROW(MaskCascade({}, torch::kCPU), DecompositionError);
  EXPECT_THAT([&] { MaskCascade({tiny_model(folder)}, torch::kCPU); },
              ThrowsMessage<DecompositionError>(HasSubstr("no mask network")));
  EXPECT_THAT(
      [&] {
        MaskCascade({model, model}, torch::kCPU);
      },
      ThrowsMessage<DecompositionError>(HasSubstr("a name of its own")));
}

}  // namespace
}  // namespace partita::decomposition
