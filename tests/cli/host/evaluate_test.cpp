#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include "command_line.hpp"

namespace partita::cli::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr int kRate = 16000;

class Evaluate : public CommandLine {
 protected:
  [[nodiscard]] Json report(Words arguments) const {
    arguments.insert(arguments.begin(), "evaluate");
    arguments.insert(arguments.end(), {"--json", "-"});
    const Finished finished = run(arguments);
    EXPECT_EQ(finished.code, 0) << finished.err;
    return finished.code == 0 ? Json::parse(finished.out) : Json();
  }
  [[nodiscard]] Finished evaluate(Words arguments) const {
    arguments.insert(arguments.begin(), "evaluate");
    return run(arguments);
  }
  void write(const std::string& name, const torch::Tensor& samples) const {
    fs::create_directories(in(name).parent_path());
    write_sound(in(name), samples, kRate, kFloatWav);
  }
  [[nodiscard]] static torch::Tensor drums(std::uint64_t seed) {
    return support::drums_like(1.5, kRate, seed).unsqueeze(0);
  }
  [[nodiscard]] static torch::Tensor bass() { return support::bass_like(1.5, kRate).unsqueeze(0); }

  /// Two songs with their stems, as clips, as references and as what was generated.
  void write_songs() const {
    for (std::uint64_t song = 1; song <= 2; ++song) {
      write(fmt::format("true/{}/drums.wav", song), drums(song));
      write(fmt::format("true/{}/bass.wav", song), bass());
      write(fmt::format("found/{}/drums.wav", song), drums(song) + 0.1 * bass());
      write(fmt::format("found/{}/bass.wav", song), bass() + 0.1 * drums(song));
    }
  }
};

TEST_F(Evaluate, GenerationOfFolders) {
  write_songs();
  const Json found =
      report({"generation", "--reference", "true", "--candidates", "true", "found", "--resamples", "10"});
  EXPECT_EQ(found.at("embedding"), "mel");
  EXPECT_EQ(found.at("reference"), "true");
  EXPECT_EQ(found.at("reference_sounds"), 4);
  ASSERT_EQ(found.at("rows").size(), 3U);
  EXPECT_NEAR(found["rows"][1].at("fad").get<double>(), 0.0, 1e-9);
  EXPECT_GT(found["rows"][2].at("fad").get<double>(), 0.0);
  const Finished table =
      evaluate({"generation", "--reference", "true", "--candidates", "found", "--resamples", "5"});
  EXPECT_THAT(table.out, AllOf(HasSubstr("embedding mel"), HasSubstr("| found |")));
}

TEST_F(Evaluate, GenerationInATorchScriptEmbedding) {
  write_songs();
  torch::jit::Module module("flat");
  module.define("def forward(self, x):\n  return torch.stack([x.mean(1), x.std(1), x.amax(1)], 1)\n");
  module.save(in("flat.pt").string());
  put_bytes(in("flat.toml"), "sample_rate = 8000\nwindow = 0.5\nhop = 0.1\n");
  const Json found = report({"generation", "--reference", "true", "--candidates", "found", "--embedding",
                             "flat.pt", "--resamples", "5"});
  EXPECT_EQ(found.at("embedding"), "flat.pt");
  EXPECT_EQ(found.at("dimensions"), 3);
  EXPECT_EQ(found.at("reference_frames"), 60);  // 15 a sound
}

TEST_F(Evaluate, GenerationFailures) {
  write_songs();
  const Words words{"generation", "--reference", "true", "--candidates", "found"};
  const auto with = [&](const Words& more) {
    Words all = words;
    all.insert(all.end(), more.begin(), more.end());
    return evaluate(all);
  };
  Setting bare = setting();
  bare.environment = {{"PARTITA_HOME", in("nobody").string()}};
  expect_failure(run({"evaluate", "generation", "--reference", "true", "--candidates", "found", "--embedding",
                      "encodec"},
                     bare),
                 1, {"partita models fetch encodec_24khz"});
  expect_failure(with({"--embedding", "clap.pt"}), 1, {"clap.pt", "mel"});
  put_bytes(in("broken.pt"), "no TorchScript");
  expect_failure(with({"--embedding", "broken.pt", "--sample-rate", "8000"}), 1, {"broken.pt"});
  fs::create_directories(in("nothing"));
  expect_failure(with({"nothing"}), 1, {"nothing", "no audio files"});
  put_bytes(in("found/1/drums.wav"), "no audio");
  expect_failure(with({}), 1, {"drums.wav"});
}

TEST_F(Evaluate, DiversityOfParts) {
  write_songs();
  const Json found = report({"diversity", "--real", "true", "--generated", "found", "--seed", "3"});
  EXPECT_EQ(found.at("codec"), "mel");
  EXPECT_EQ(found.at("pairs"), 4);
  ASSERT_EQ(found.at("rows").size(), 4U);
  EXPECT_EQ(found["rows"][0].at("part"), "bass");
  EXPECT_EQ(found["rows"][2].at("against"), "real");
  EXPECT_EQ(found["rows"][2].at("ms_stft").at("count"), 2);
  EXPECT_LT(found["rows"][2].at("latent_mse").at("mean"), found["rows"][3].at("latent_mse").at("mean"));
  write("found/1/piano.wav", bass());
  expect_failure(evaluate({"diversity", "--real", "true", "--generated", "found"}), 1, {"piano.wav"});
}

TEST_F(Evaluate, StemsOfFolders) {
  write_songs();
  const Json found =
      report({"stems", "--references", "true", "--estimates", "found", "--window", "0.5", "--hop", "0.5"});
  EXPECT_EQ(found.at("sources"), Json({"bass", "drums"}));
  EXPECT_EQ(found.at("tracks"), 2);
  EXPECT_EQ(found.at("bss_options").at("window"), 0.5);
  EXPECT_EQ(found.at("rows")[2].at("tracks"), 4);
  EXPECT_GT(found["rows"][0].at("sdr").at("mean").get<double>(), 10.0);
  const Finished table = evaluate({"stems", "--references", "true", "--estimates", "found"});
  EXPECT_THAT(table.out, AllOf(HasSubstr("| found | drums |"), HasSubstr("windows of 2 s, hop 1.5 s")));
  expect_failure(evaluate({"stems", "--references", "true", "--estimates", "found", "--sources", "piano"}), 1,
                 {"piano"});
}

TEST_F(Evaluate, SeparationWithBssEvalAndAnAssignmentInEachClip) {
  write_songs();
  const Json found = report({"separation", "--clips", "true", "-n", "hpss", "--bss", "--window", "0.5",
                             "--hop", "0.5", "--assignment", "clip"});
  EXPECT_THAT(found.at("assignment").get<std::string>(), ::testing::StartsWith("clip:"));
  EXPECT_EQ(found.at("bss_options").at("hop"), 0.5);
  const Json& hpss = found.at("systems")[1];
  EXPECT_EQ(hpss.at("rows")[2].at("clips"), 4);
  EXPECT_EQ(hpss.at("rows")[2].at("si_sdr").at("interval").size(), 2U);
  EXPECT_EQ(hpss.at("bss")[2].at("tracks"), 4);
  const Finished table = evaluate({"separation", "--clips", "true", "-n", "hpss"});
  EXPECT_THAT(table.out, AllOf(HasSubstr("Assignment by model"), HasSubstr("| hpss | bass |")));
  expect_failure(evaluate({"separation", "--clips", "true", "-n", "hpss", "--assignment", "best"}), 2,
                 {"best"});
}

}  // namespace
}  // namespace partita::cli::test
