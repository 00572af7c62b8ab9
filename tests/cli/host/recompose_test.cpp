#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command_line.hpp"
#include "support/tiny_prior.hpp"
#include "support/tiny_store.hpp"

namespace partita::cli::test {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

/// generate, vary and accompany on a tiny model with a prior.
class Recompose : public CommandLine {
 protected:
  void SetUp() override { (void)recomposition::tiny_model_with_prior(models); }

  [[nodiscard]] Words with_model(Words words) const {
    words.insert(words.end(),
                 {"-n", (models / "composing").string(), "--steps", "2", "--json", "report.json"});
    return words;
  }
  [[nodiscard]] Json report() const { return Json::parse(bytes_of(in("report.json"))); }

  support::TemporaryFolder models;
};

TEST_F(Recompose, GenerateGivesAsManyAsAskedForEachWithItsPictureAndSettings) {
  expect_done(run(with_model({"generate", "--count", "2", "--seconds", "1.5", "--seed", "3"})));
  for (const char* number : {"1", "2"}) {
    const fs::path place = in("generated") / "tiny" / number;
    for (const char* file : {"mix.wav", "drums.wav", "bass.wav", "recomposition.png"}) {
      EXPECT_GT(fs::file_size(place / file), 100U) << file;
    }
    const Json settings = Json::parse(bytes_of(place / "recomposition.json"));
    EXPECT_EQ(settings["seed"], 3);
    EXPECT_EQ(settings["sampler"], "euler");
    EXPECT_EQ(settings["frames"], 36000);
  }
  EXPECT_EQ(report()["results"].size(), 2U);
  EXPECT_NE(bytes_of(in("generated") / "tiny" / "1" / "mix.wav"),
            bytes_of(in("generated") / "tiny" / "2" / "mix.wav"));
}

TEST_F(Recompose, VaryAndAccompanySayWhatTheyMadeAndWhatTheyKept) {
  write_sound(in("song.wav"), song(1.0, 44100, 2), 44100, kInt16Wav);
  expect_done(
      run(with_model({"vary", "song.wav", "--regenerate", "bass", "--sampler", "dpmpp2m", "--flac"})));
  Json parts = report()["results"][0]["parts"];
  EXPECT_EQ(parts[0]["made"], false);
  EXPECT_EQ(parts[1]["made"], true);
  EXPECT_TRUE(fs::exists(in(parts[1]["file"].get<std::string>())));
  expect_done(run(with_model({"accompany", "song.wav", "--as", "bass", "--no-picture"})));
  parts = report()["results"][0]["parts"];
  EXPECT_EQ(parts[0]["made"], true);
  EXPECT_EQ(bytes_of(in(parts[1]["file"].get<std::string>())), bytes_of(in("song.wav")));
  EXPECT_FALSE(fs::exists(in("accompanied") / "tiny" / "song" / "1" / "recomposition.png"));
}

TEST_F(Recompose, EvaluationMeasuresEverySetThatItWrites) {
  support::write_tiny_store(in("store"), 3);
  expect_done(
      run(with_model({"evaluate", "recomposition", "--store", "store", "-o", "sets", "--count", "3"})));
  const Json found = report();
  EXPECT_EQ(found["clips"], 3);
  ASSERT_EQ(found["generation"].size(), 2U) << "against the original and the encoded clips";
  ASSERT_EQ(found["rhythm"].size(), 6U);
  for (const char* set : {"original", "encoded", "unconditional", "given-drums", "given-bass", "noise",
                          "clip-noise", "shuffled"}) {
    const audio::Waveform clip = audio::read_waveform(in("sets") / set / "0002.wav");
    EXPECT_EQ(clip.samples.sizes(), (std::vector<std::int64_t>{1, support::kTinyClipSamples})) << set;
  }
  EXPECT_TRUE(fs::exists(in("sets") / "made" / "0001" / "drums.wav"));
  EXPECT_TRUE(fs::exists(in("sets") / "real" / "0001" / "bass.wav"));
}

TEST_F(Recompose, WrongUseIsSaidInOneLine) {
  write_sound(in("song.wav"), song(1.0, 44100, 1), 44100, kInt16Wav);
  const auto expect_error = [&](const Words& words, int code, const std::string& text) {
    const Finished finished = run(words);
    EXPECT_EQ(finished.code, code) << finished.err;
    EXPECT_THAT(finished.err, HasSubstr(text));
  };
  expect_error(with_model({"vary", "song.wav", "--regenerate", "piano"}), 2, "no component 'piano'");
  expect_error(with_model({"accompany", "none.wav", "--as", "bass"}), 1, "none.wav");
  expect_error({"generate", "-n", "nothing"}, 1, "nothing");
  expect_error(with_model({"vary", "song.wav"}), 2, "--regenerate");
}

}  // namespace
}  // namespace partita::cli::test
