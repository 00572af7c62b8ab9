#include "partita/evaluation/embedding.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include <fstream>

#include "../../src/evaluation/windows.hpp"
#include "partita/codec/mel_codec.hpp"
#include "partita/io/error.hpp"
#include "support/environment.hpp"
#include "support/signals.hpp"
#include "support/temporary_folder.hpp"

namespace partita::evaluation {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// Two numbers a window: its mean and its largest sample.
constexpr const char* kFlat = "def forward(self, x):\n  return torch.stack([x.mean(1), x.amax(1)], 1)\n";

class TorchScript : public ::testing::Test {
 protected:
  fs::path script(const std::string& code, const std::string& name = "embedding.pt") const {
    torch::jit::Module module("embedding");
    module.define(code);
    module.save((folder_ / name).string());
    return folder_ / name;
  }
  void describe(const std::string& toml) const { std::ofstream(folder_ / "embedding.toml") << toml; }

  support::TemporaryFolder folder_;
};

EmbeddingOptions at_rate(int rate) {
  EmbeddingOptions options;
  options.sample_rate = rate;
  return options;
}

/// Beginning and length of every window of a sound of `total` samples 0, 1, 2, … that comes in `pieces`.
std::vector<std::pair<std::int64_t, std::int64_t>> windows(std::int64_t window, std::int64_t hop, bool fills,
                                                           std::int64_t total, std::int64_t piece) {
  std::vector<std::pair<std::int64_t, std::int64_t>> found;
  const Embedding embedding{"test", 1000, window / 1000.0, hop / 1000.0, fills, [&](const torch::Tensor& x) {
                              for (std::int64_t i = 0; i < x.size(0); ++i)
                                found.emplace_back(x[i][0].item<std::int64_t>(), x.size(1));
                              return x.narrow(1, 0, 1).unsqueeze(1);
                            }};
  std::int64_t frames = 0;
  WindowedFrames cut(embedding, [&](const torch::Tensor& some) { frames += some.size(0); });
  if (total > 0) {
    for (const auto& some : torch::arange(total, torch::kFloat32).split(piece)) cut.push(some);
  }
  cut.finish();
  EXPECT_EQ(frames, static_cast<std::int64_t>(found.size()));
  return found;
}

using Pairs = std::vector<std::pair<std::int64_t, std::int64_t>>;

TEST(Windows, BeginAtEveryHopWhileTheSoundLasts) {
  const Pairs expected{{0, 10}, {4, 10}, {8, 10}, {12, 10}};
  for (const std::int64_t piece : {1, 3, 16}) EXPECT_EQ(windows(10, 4, true, 16, piece), expected);
  EXPECT_EQ(windows(10, 10, false, 25, 7), (Pairs{{0, 10}, {10, 10}, {20, 5}}));
  EXPECT_EQ(windows(10, 10, false, 20, 20), (Pairs{{0, 10}, {10, 10}}));
}

TEST(Windows, WithoutASizeSoundsGoInWhole) {
  EXPECT_EQ(windows(0, 0, true, 25, 7), (Pairs{{0, 25}}));
  EXPECT_EQ(windows(0, 0, true, 0, 7), Pairs{});
  EXPECT_EQ(windows(10, 4, true, 0, 7), Pairs{});
}

TEST(Embeddings, MelGivesTheLatentsOfMelCodec) {
  const Embedding mel = make_embedding("mel");
  const torch::Tensor samples = support::drums_like(1.0, mel.sample_rate).unsqueeze(0);
  codec::MelCodec codec;
  EXPECT_TRUE(torch::equal(mel.embed(samples), codec.encode(samples.unsqueeze(1)).transpose(1, 2)));
  EXPECT_EQ(mel.embed(samples).sizes(), (std::vector<std::int64_t>{1, 75, 128}));
  EXPECT_THROW((void)make_embedding("mel", at_rate(16000)), EvaluationError);
}

TEST(Embeddings, MelPatchesAreMeansOfLatentsSideBySide) {
  const Embedding patches = make_embedding("mel-patches");
  const torch::Tensor samples = support::drums_like(2.0, patches.sample_rate).unsqueeze(0);
  const torch::Tensor found = patches.embed(samples);
  ASSERT_EQ(found.sizes(), (std::vector<std::int64_t>{1, 10, 128}));  // 25 steps, 16 of them a patch
  codec::MelCodec codec;
  const torch::Tensor latents = codec.encode(samples.unsqueeze(1))[0];
  // Patch 3, band 2, step 5: bands 32 to 47, frames 48 to 53.
  EXPECT_NEAR(found[0][3][2 * 16 + 5].item<double>(),
              latents.narrow(0, 32, 16).narrow(1, 48, 6).mean().item<double>(), 1e-5);
  EXPECT_THROW((void)make_embedding("mel-patches", at_rate(16000)), EvaluationError);
}

TEST(Embeddings, MelPatchesFillUpWhatIsShort) {
  const Embedding patches = make_embedding("mel-patches");
  const torch::Tensor samples = support::drums_like(0.5, patches.sample_rate).unsqueeze(0);
  const torch::Tensor found = patches.embed(samples);
  ASSERT_EQ(found.sizes(), (std::vector<std::int64_t>{1, 1, 128}));
  EXPECT_EQ(found[0][0][15].item<double>(), 0.0);
}

/// `[1, sample]`: a low and a high tone that begin twice a second, the high one `later` seconds after the low
/// one.
torch::Tensor two_rhythms(double later, int rate) {
  const torch::Tensor time = torch::arange(4 * rate, torch::kFloat64) / rate;
  const auto beats = [&](double frequency, double begin) {
    const torch::Tensor since = (time - begin).remainder(0.5);
    return (2.0 * M_PI * frequency * time).sin() * (-30.0 * since).exp();
  };
  return (0.3 * (beats(150.0, 0.0) + beats(6000.0, later))).to(torch::kFloat32).unsqueeze(0);
}

TEST(Embeddings, OnsetCorrelationsHearWhatBeginsTogether) {
  const Embedding onsets = make_embedding("onset-correlations");
  const auto correlation = [&](double later) {  // of the lowest band with the three highest ones
    const torch::Tensor found = onsets.embed(two_rhythms(later, onsets.sample_rate));
    EXPECT_EQ(found.sizes(), (std::vector<std::int64_t>{1, 2, 28}));  // 299 rises: 256 and 32 later
    return found[0][0].slice(0, 4, 7).max().item<double>();
  };
  EXPECT_GT(correlation(0.0), 0.8);
  EXPECT_LT(correlation(0.25), 0.1);
  EXPECT_THROW((void)make_embedding("onset-correlations", at_rate(16000)), EvaluationError);
}

TEST(Embeddings, OnsetCorrelationsOfSilenceAndOfShortSoundsAreThere) {
  const Embedding onsets = make_embedding("onset-correlations");
  EXPECT_TRUE(onsets.embed(torch::zeros({1, 5 * onsets.sample_rate})).eq(0.0).all().item<bool>());
  const torch::Tensor found = onsets.embed(support::drums_like(0.5, onsets.sample_rate).unsqueeze(0));
  EXPECT_EQ(found.sizes(), (std::vector<std::int64_t>{1, 1, 28}));
  EXPECT_TRUE(found.isfinite().all().item<bool>());
}

TEST(Embeddings, AreKnownByName) {
  EXPECT_THAT(embedding_names(),
              ::testing::ElementsAre("mel", "mel-patches", "onset-correlations", "encodec"));
}

TEST(Embeddings, EncodecSaysHowToFetchItsWeights) {
  const support::TemporaryFolder empty;
  const support::Environment home("PARTITA_HOME", empty.path().string());
  EXPECT_THAT([] { (void)make_embedding("encodec"); },
              ThrowsMessage<io::IoError>(HasSubstr("partita models fetch encodec_24khz")));
}

TEST_F(TorchScript, GivesFramesOfBothShapes) {
  const torch::Tensor samples = torch::rand({3, 100});
  const Embedding flat = make_embedding(script(kFlat).string(), at_rate(8000));
  EXPECT_EQ(flat.name, "embedding.pt");
  EXPECT_EQ(flat.sample_rate, 8000);
  EXPECT_EQ(flat.window, 0.0);
  const torch::Tensor frames = flat.embed(samples);
  ASSERT_EQ(frames.sizes(), (std::vector<std::int64_t>{3, 1, 2}));
  EXPECT_TRUE(torch::allclose(frames.select(1, 0).select(1, 0), samples.mean(1)));
  const fs::path framed =
      script("def forward(self, x):\n  return x.reshape(x.size(0), -1, 20)\n", "framed.pt");
  EXPECT_EQ(make_embedding(framed.string(), at_rate(8000)).embed(samples).sizes(),
            (std::vector<std::int64_t>{3, 5, 20}));
}

TEST_F(TorchScript, IsDescribedByTheFileBesideIt) {
  const std::string file = script(kFlat).string();
  describe("sample_rate = 48000\nwindow = 10.0\nhop = 1\n");
  const Embedding described = make_embedding(file);
  EXPECT_EQ(described.sample_rate, 48000);
  EXPECT_EQ(described.window, 10.0);
  EXPECT_EQ(described.hop, 1.0);
  EmbeddingOptions shorter;
  shorter.window = 2.0;
  EXPECT_EQ(make_embedding(file, shorter).sample_rate, 48000);
  EXPECT_EQ(make_embedding(file, shorter).window, 2.0);
  EXPECT_EQ(make_embedding(file, shorter).hop, 2.0);
}

TEST_F(TorchScript, DescriptionsThatMakeNoSense) {
  const std::string file = script(kFlat).string();
  EXPECT_THAT([&] { (void)make_embedding(file); },
              ThrowsMessage<EvaluationError>(AllOf(HasSubstr("--sample-rate"), HasSubstr("embedding.toml"))));
  EXPECT_THROW((void)make_embedding(file, at_rate(10)), EvaluationError);
  EmbeddingOptions gaps = at_rate(8000);
  gaps.window = 1.0;
  gaps.hop = 2.0;
  EXPECT_THROW((void)make_embedding(file, gaps), EvaluationError);
  gaps.hop = 0.0;
  EXPECT_THROW((void)make_embedding(file, gaps), EvaluationError);
  describe("sample_rate = 48000\nwindow = 10.0\nhops = 1\n");
  EXPECT_THAT([&] { (void)make_embedding(file); }, ThrowsMessage<io::IoError>(HasSubstr("hops")));
  describe("window = 10.0\n");
  EXPECT_THAT([&] { (void)make_embedding(file); }, ThrowsMessage<io::IoError>(HasSubstr("sample_rate")));
}

TEST_F(TorchScript, FilesThatAreNone) {
  EXPECT_THAT([&] { (void)make_embedding("clap"); },
              ThrowsMessage<EvaluationError>(AllOf(HasSubstr("'clap'"), HasSubstr("mel"))));
  std::ofstream(folder_ / "text.pt") << "no TorchScript";
  EXPECT_THAT([&] { (void)make_embedding((folder_ / "text.pt").string(), at_rate(8000)); },
              ThrowsMessage<EvaluationError>(HasSubstr("text.pt")));
  const fs::path file = script(kFlat);
  fs::resize_file(file, fs::file_size(file) / 2);
  EXPECT_THROW((void)make_embedding(file.string(), at_rate(8000)), EvaluationError);
}

TEST_F(TorchScript, OutputsThatAreNoFrames) {
  const torch::Tensor samples = torch::rand({2, 64});
  const auto embed = [&](const std::string& body) {
    const fs::path file = script("def forward(self, x):\n  " + body + "\n");
    return make_embedding(file.string(), at_rate(8000)).embed(samples);
  };
  EXPECT_THAT([&] { (void)embed("return x.mean()"); },
              ThrowsMessage<EvaluationError>(HasSubstr("[batch, frame, dim]")));
  EXPECT_THAT([&] { (void)embed("return x.t()"); }, ThrowsMessage<EvaluationError>(HasSubstr("[64, 2]")));
  EXPECT_THAT([&] { (void)embed("return [x]"); }, ThrowsMessage<EvaluationError>(HasSubstr("tensor")));
  EXPECT_THAT([&] { (void)embed("return x.reshape(7)"); },
              ThrowsMessage<EvaluationError>(AllOf(HasSubstr("embedding.pt"), HasSubstr("RuntimeError"),
                                                   ::testing::Not(HasSubstr("\n")))));
}

}  // namespace
}  // namespace partita::evaluation
