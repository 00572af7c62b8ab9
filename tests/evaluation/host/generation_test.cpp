#include "partita/evaluation/generation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "partita/audio/file.hpp"
#include "partita/data/store.hpp"
#include "support/signals.hpp"
#include "support/temporary_folder.hpp"

namespace partita::evaluation {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

void write(const fs::path& path, const torch::Tensor& samples, int rate = 24000,
           audio::Container container = audio::Container::Wav) {
  fs::create_directories(path.parent_path());
  const torch::Tensor channels = samples.dim() == 1 ? samples.unsqueeze(0) : samples;
  audio::write_waveform(path, {channels, rate}, container, audio::SampleFormat::Int24);
}

class Generation : public ::testing::Test {
 protected:
  Generation() {
    for (std::uint64_t i = 0; i < 4; ++i) {
      const auto song = fmt::format("song {}", i);
      write(folder_ / "drums" / song / "mix.wav", support::drums_like(2.0, 24000, i));
      write(folder_ / "bass" / song / "mix.wav",
            (0.4 + 0.2 * static_cast<double>(i)) * support::bass_like(2.0, 24000));
    }
  }

  [[nodiscard]] SoundSet set(const std::string& name) const { return sounds_from_folder(folder_ / name); }
  static GenerationFigures compare(const SoundSet& reference, const std::vector<SoundSet>& candidates,
                                   const GenerationOptions& options = {false, 20, 0}) {
    Progress silent;
    return evaluate_generation(make_embedding("mel"), reference, candidates, options, silent);
  }

  support::TemporaryFolder folder_;
};

TEST_F(Generation, IsZeroOfTheReferenceItselfAndLargeOfOthers) {
  const GenerationFigures found = compare(set("drums"), {set("drums"), set("bass")});
  EXPECT_EQ(found.embedding, "mel");
  EXPECT_EQ(found.dimensions, 128);
  EXPECT_EQ(found.reference_sounds, 4);
  EXPECT_EQ(found.reference_frames, 600);
  ASSERT_EQ(found.rows.size(), 3U);
  EXPECT_EQ(found.rows[0].candidates, "reference, halves");
  EXPECT_EQ(found.rows[0].sounds, 2);
  EXPECT_NEAR(found.rows[1].fad, 0.0, 1e-9);
  EXPECT_EQ(found.rows[1].frames, 600);
  EXPECT_EQ(found.rows[1].sounds, 4);
  EXPECT_GT(found.rows[2].fad, 3.0 * found.rows[0].fad);
  EXPECT_GT(found.rows[0].fad, 0.0);
  for (const auto& row : found.rows) {
    EXPECT_LE(row.interval.low, row.fad);
    EXPECT_GE(row.interval.high, row.fad);
    EXPECT_FALSE(row.infinity);
  }
}

TEST_F(Generation, HearsAnyRateFormatAndNumberOfChannels) {
  for (std::uint64_t i = 0; i < 4; ++i) {
    const torch::Tensor drums = support::drums_like(2.0, 48000, i);
    write(folder_ / "others" / fmt::format("{}.FLAC", i), torch::stack({1.2 * drums, 0.8 * drums}), 48000,
          audio::Container::Flac);
  }
  write(folder_ / "others" / ".hidden.wav", support::bass_like(1.0, 24000));
  std::ofstream(folder_ / "others" / "notes.txt") << "no sound";
  const GenerationFigures found = compare(set("drums"), {set("others"), set("bass")});
  EXPECT_EQ(found.rows[1].sounds, 4);
  EXPECT_EQ(found.rows[1].frames, 600);
  EXPECT_LT(found.rows[1].fad, 0.3 * found.rows[2].fad);
}

TEST_F(Generation, FollowsFadToInfinity) {
  GenerationOptions options{true, 5, 3};
  const GenerationFigures found = compare(set("bass"), {set("drums")}, options);
  ASSERT_TRUE(found.rows[1].infinity);
  EXPECT_FALSE(found.rows[0].infinity);
  EXPECT_NEAR(found.rows[1].infinity->value, found.rows[1].fad, 0.2 * found.rows[1].fad);
  const io::Json json = to_json(found);
  EXPECT_EQ(json.at("rows")[1].at("fad_infinity").at("points").size(), 25U);
  EXPECT_TRUE(json.at("rows")[0].at("fad_infinity").is_null());
}

TEST_F(Generation, ReportsStateNumbersEmbeddingAndReference) {
  const GenerationFigures found = compare(set("drums"), {set("bass")});
  const io::Json json = to_json(found);
  EXPECT_EQ(json.at("embedding"), "mel");
  EXPECT_EQ(json.at("reference"), (folder_ / "drums").string());
  EXPECT_EQ(json.at("reference_frames"), 600);
  EXPECT_EQ(json.at("bootstrap_resamples"), 20);
  EXPECT_EQ(json.at("rows")[1].at("interval").size(), 2U);
  EXPECT_EQ(json.at("rows")[1].at("sounds"), 4);
  EXPECT_THAT(to_markdown(found),
              AllOf(HasSubstr((folder_ / "drums").string() + " (4 sounds, 600 frames)"),
                    HasSubstr("embedding mel (128 dimensions)"), HasSubstr("| candidates | FAD |")));
}

TEST_F(Generation, ReadsTheMixturesOfAStore) {
  const fs::path store = folder_ / "store";
  {
    data::StoreWriter writer(store, {"mel", 24000, 128, 150, {}, 0});
    for (std::uint64_t i = 0; i < 4; ++i)
      writer.add("test", torch::zeros({1, 128, 150}), {}, support::drums_like(2.0, 24000, i).unsqueeze(0),
                 {});
    writer.add("train", torch::zeros({1, 128, 150}), {}, {}, {});
    writer.finish();
  }
  const GenerationFigures found = compare(sounds_from_store(store, "test"), {set("drums")});
  EXPECT_EQ(found.reference_sounds, 4);
  EXPECT_NEAR(found.rows[1].fad, 0.0, 1e-6) << "but for 24 bits";
  EXPECT_THAT([&] { (void)sounds_from_store(store, "train"); },
              ThrowsMessage<EvaluationError>(HasSubstr("keeps no audio")));
}

TEST_F(Generation, SilenceIsASoundLikeOthers) {
  write(folder_ / "silence" / "a.wav", torch::zeros({24000}));
  const GenerationFigures found = compare(set("drums"), {set("silence")});
  EXPECT_GT(found.rows[1].fad, 0.0);
  EXPECT_TRUE(std::isfinite(found.rows[1].fad));
}

TEST_F(Generation, OneSoundHasNoHalves) {
  write(folder_ / "one" / "a.wav", support::drums_like(1.0, 24000));
  const GenerationFigures found = compare(set("one"), {set("one")});
  ASSERT_EQ(found.rows.size(), 1U);
  EXPECT_NEAR(found.rows[0].fad, 0.0, 1e-9);
}

TEST_F(Generation, RefusesSetsThatAreNone) {
  fs::create_directories(folder_ / "empty");
  EXPECT_THAT([&] { (void)set("empty"); }, ThrowsMessage<EvaluationError>(HasSubstr("no audio files")));
  EXPECT_THAT([&] { (void)set("nowhere"); }, ThrowsMessage<audio::AudioError>(HasSubstr("no such folder")));
  write(folder_ / "short" / "a.wav", torch::zeros({100}));
  EXPECT_THAT([&] { (void)compare(set("drums"), {set("short")}); },
              ThrowsMessage<EvaluationError>(AllOf(HasSubstr("short"), HasSubstr("two frames"))));
  std::ofstream(folder_ / "bass" / "broken.wav") << "no audio";
  EXPECT_THAT([&] { (void)compare(set("drums"), {set("bass")}); },
              ThrowsMessage<audio::AudioError>(HasSubstr("broken.wav")));
}

}  // namespace
}  // namespace partita::evaluation
