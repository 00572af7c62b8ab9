#include "partita/baselines/lass.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "support/signals.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_lass.hpp"

namespace partita::baselines {
namespace {

using decomposition::Refinement;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr int kRate = 22050;

class Lass : public ::testing::Test {
 protected:
  void SetUp() override { support::write_tiny_lass(folder_ / "lass"); }
  [[nodiscard]] LassSeparator separator(const decomposition::SeparatorOptions& options = {}) const {
    return {io::ModelFolder(folder_ / "lass"), options};
  }
  /// A folder with another card or other files.
  void expect_refused(const std::string& card, const std::map<std::string, io::TensorMap>& files,
                      const std::string& what) const {
    io::write_model_folder(folder_ / "bad", card, files);
    try {
      (void)LassSeparator(io::ModelFolder(folder_ / "bad"), {}).separate(mixture(), kRate);
      ADD_FAILURE() << what;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(what));
    }
  }
  static torch::Tensor mixture() {
    const torch::Tensor song = support::drums_like(1.0, kRate) + support::bass_like(1.0, kRate);
    return torch::stack({song, 0.5 * song});
  }

  support::TemporaryFolder folder_;
};

TEST_F(Lass, StemsAddUpAndDependOnTheSeedAlone) {
  const torch::Tensor song = mixture();
  const torch::Tensor stems = separator().separate(song, kRate);
  ASSERT_EQ(stems.sizes(), torch::IntArrayRef({2, 2, song.size(1)}));
  EXPECT_LT((stems.sum(0) - song).abs().max().item<double>(), 1e-6);
  EXPECT_TRUE(torch::equal(stems, separator().separate(song, kRate)));
  decomposition::SeparatorOptions other;
  other.seed = 1;
  EXPECT_FALSE(torch::equal(stems, separator(other).separate(song, kRate)));
}

TEST_F(Lass, GivesWhatItDrewWithoutRefinement) {
  decomposition::SeparatorOptions raw;
  raw.refinement = Refinement::None;
  raw.vocoder = "griffin-lim";
  const torch::Tensor stems = separator(raw).separate(mixture(), kRate);
  ASSERT_EQ(stems.sizes(), torch::IntArrayRef({2, 2, kRate}));
  EXPECT_TRUE(torch::equal(stems.select(1, 0), stems.select(1, 1)));
  EXPECT_GT((stems.sum(0) - mixture()).abs().max().item<double>(), 1e-3);
}

TEST_F(Lass, SilenceStaysSilentAndShortSoundsPass) {
  EXPECT_EQ(separator().separate(torch::zeros({1, 4000}), kRate).abs().max().item<double>(), 0.0);
  for (const std::int64_t length : {1, 100, 1000}) {
    const torch::Tensor song = mixture().slice(1, 5000, 5000 + length);
    const torch::Tensor stems = separator().separate(song, kRate);
    ASSERT_EQ(stems.sizes(), torch::IntArrayRef({2, 2, length}));
    EXPECT_LT((stems.sum(0) - song).abs().max().item<double>(), 1e-6);
  }
}

TEST_F(Lass, OfItsCandidatesTheNearestToTheMixtureIsTaken) {
  LassNetworks networks(
      lass_options(io::Config::parse(support::tiny_lass_tables()), support::kTinyLassWindow));
  auto files = support::tiny_lass_files();
  io::load_state(*networks, files.at("model.safetensors"), "test");
  networks->eval();
  SumLikelihood sums(8);
  sums.load(files.at(kSumsFile));
  const auto codec = codec::make_codec("mel@griffin-lim");
  const torch::Tensor x = torch::rand({1, 128, 16}, make_generator(1, "x"));
  const auto error = [&](std::uint64_t candidates) {
    LassOptions options = networks->options();
    options.sampling.candidates = static_cast<std::int64_t>(candidates);
    LassNetworks own(options);
    io::load_state(*own, io::state_of(*networks), "test");
    own->eval();
    const torch::Tensor parts = lass_components(own, sums, *codec, x, {make_generator(0, "draw")});
    return (codec->superpose(parts) - x).square().mean().item<double>();
  };
  EXPECT_LT(error(64), error(1));
}

TEST_F(Lass, RefusesFoldersThatDoNotFitTogether) {
  const auto files = support::tiny_lass_files();
  expect_refused(support::tiny_lass_card("\"a\", \"b\", \"c\""), files, "expected 2 different components");
  expect_refused(support::tiny_lass_card("\"a\", \"a\""), files, "expected 2 different components");
  expect_refused(support::tiny_lass_card("\"a\", \"b\"", "decomposition"), files, "kind 'lass'");
  auto changed = files;
  changed.erase(kSumsFile);
  expect_refused(support::tiny_lass_card(), changed, kSumsFile);
  changed = files;
  changed[kSumsFile]["counts"] = -changed[kSumsFile]["counts"];
  expect_refused(support::tiny_lass_card(), changed, "damaged");
  changed = files;
  changed["model.safetensors"].erase("priors.1.embed");
  expect_refused(support::tiny_lass_card(), changed, "priors.1.embed");
  changed = files;
  changed["model.safetensors"]["priors.0.embed"] = torch::full_like(
      changed["model.safetensors"]["priors.0.embed"], std::numeric_limits<float>::quiet_NaN());
  expect_refused(support::tiny_lass_card(), changed, "prior 0 gives NaN");
}

TEST_F(Lass, RefusesLearnedRefinement) {
  decomposition::SeparatorOptions learned;
  learned.refinement = Refinement::Learned;
  EXPECT_THAT([&] { (void)separator(learned); }, ThrowsMessage<UsageError>(HasSubstr("mask network")));
}

TEST(LassOptions, NamesTheKeyThatIsWrong) {
  const auto refused = [](const char* text, const char* what) {
    EXPECT_THAT([&] { (void)lass_options(io::Config::parse(text), 16); },
                ThrowsMessage<io::IoError>(HasSubstr(what)));
  };
  refused("[vqvae]\nbands = 5", "bands");
  refused("[vqvae]\nframes = 5", "frames");
  refused("[vqvae]\ncodes = 1", "codes");
  refused("[vqvae]\ncodes = 5000", "codes");
  refused("[vqvae]\ndecay = 1.0", "decay");
  refused("[prior]\nheads = 3", "heads");
  refused("[sampling]\ncandidates = 0", "candidates");
  refused("[sampling]\ntemperature = 0.0", "temperature");
  const LassOptions options = lass_options(io::Config::parse(support::tiny_lass_tables()), 16);
  EXPECT_EQ(to_toml(lass_options(io::Config::parse(to_toml(options)), 16)), to_toml(options));
  EXPECT_EQ(options.prior.rows, 4);
  EXPECT_EQ(options.prior.steps, 4);
}

}  // namespace
}  // namespace partita::baselines
