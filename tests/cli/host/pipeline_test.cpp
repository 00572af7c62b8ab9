#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "command_line.hpp"
#include "support/tiny_networks.hpp"

namespace partita::cli::test {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr const char* kSoundFont = "/usr/share/sounds/sf2/TimGM6mb.sf2";

/// A tiny model on the latents of the mel codec, at a constant rate, so that a run with more steps
/// begins as the shorter one does.
std::string configuration(const std::string& output, int steps, const std::string& more = {}) {
  return fmt::format(R"([data]
store = "store"

[training]
output = "{}"
name = "tiny-trained"
batch_size = 2
crop_frames = 32
autoencoder_steps = 1
diffusion_steps = {}
learning_rate = 1e-3
final_learning_rate = 1e-3
ema_decay = 0.9
log_every = 1
validate_every = 1000000
checkpoint_every = 1000000
validation_clips = 2
seed = 5
{}

[model]
comp_function = "sum"
component_activation = "softplus"
latent_noise = 0.05

{})",
                     output, steps, more, support::to_toml({}));
}

/// From MIDI to figures, each step by its command.
class Pipeline : public CommandLine {
 protected:
  void SetUp() override {
    if (std::system("command -v mma > /dev/null 2>&1") != 0) GTEST_SKIP() << "mma is not installed";
    if (!fs::exists(kSoundFont)) GTEST_SKIP() << "timgm6mb-soundfont is not installed";
  }

  /// The JSON object that a command writes to stdout, and nothing else.
  [[nodiscard]] Json report(Words arguments) const {
    arguments.insert(arguments.end(), {"--json", "-"});
    const Finished finished = run(arguments);
    EXPECT_EQ(finished.code, 0) << finished.err;
    return finished.code == 0 ? Json::parse(finished.out) : Json();
  }

  void render_and_prepare() const {
    const Json rendered =
        report({"render", "-o", "set", "--songs", "3", "--seconds", "10", "--seed", "5", "-j", "1",
                "--validation", "0.35", "--test", "0.35", "--timbres", "plain", "--soundfont", kSoundFont});
    ASSERT_EQ(rendered.value("songs", 0), 3);
    const Json prepared = report({"prepare", "--slakh", "set", "--sources", "drums,bass", "-o", "store",
                                  "--seconds", "2", "--minimum-rms", "0"});
    ASSERT_EQ(prepared.at("splits").size(), 3U);
    for (const auto& split : prepared.at("splits")) EXPECT_EQ(split.at("clips"), 5) << split;
  }

  void train_and_resume() const {
    put_bytes(in("straight.toml"), configuration("straight", 3));
    put_bytes(in("begun.toml"), configuration("resumed", 1));
    put_bytes(in("resumed.toml"), configuration("resumed", 3));
    EXPECT_EQ(report({"train", "decomposition", "straight.toml"}).value("output", ""), "straight");
    expect_done(run({"train", "decomposition", "begun.toml"}));
    const Finished again = run({"train", "decomposition", "resumed.toml"});
    EXPECT_EQ(again.code, 1);
    EXPECT_THAT(again.err, HasSubstr("--resume"));
    expect_done(run({"train", "decomposition", "resumed.toml", "--resume"}));
    const auto weights = [&](const std::string& folder) {
      return bytes_of(in(folder) / "model" / "model.safetensors");
    };
    EXPECT_FALSE(weights("straight").empty());
    EXPECT_TRUE(weights("straight") == weights("resumed"));
    expect_done(run({"train", "export", "resumed", "-o", "exported"}));
    EXPECT_TRUE(weights("straight") == bytes_of(in("exported") / "model.safetensors"));
    expect_done(run({"models", "verify", "./exported"}));
  }

  void train_masks() const {
    put_bytes(in("masks.toml"), R"([data]
store = "store"

[training]
output = "masks"
name = "tiny-refined"
batch_size = 2
crop_frames = 32
learning_rate = 1e-3
validation_clips = 2

[remix]
decomposition = "./exported"
rounds = 2
round_steps = 2

[masks]
channels = 8
dilations = [1, 2]
)");
    EXPECT_EQ(report({"train", "masks", "masks.toml"}).value("output", ""), "masks");
    expect_done(run({"models", "verify", "./masks/model"}));
    const fs::path mix = fs::directory_iterator(in("set") / "test")->path() / "mix.flac";
    expect_done(separate({"-n", "./masks/model", mix.string()}));
    EXPECT_LE(sum_error(mix, stems("mix", "tiny-refined")), kLsb16);
    expect_failure(separate({"-n", "./exported", "--refine", "learned", mix.string()}), 2, {"mask network"});
  }

  void measure() const {
    const Json figures =
        report({"evaluate", "separation", "--store", "store", "--split", "test", "-n", "./exported,hpss",
                "--sources", "drums,bass", "--count", "2", "--steps", "2", "--picture", "clip.png"});
    EXPECT_EQ(figures.value("clips", 0), 2);
    std::vector<std::string> names;
    for (const auto& system : figures.at("systems")) names.push_back(system.at("system"));
    EXPECT_EQ(names[0], "mixture");
    EXPECT_THAT(names, ::testing::Contains("tiny-trained"));
    EXPECT_THAT(names, ::testing::Contains("tiny-trained (raw components)"));
    EXPECT_THAT(names, ::testing::Contains("hpss"));
    EXPECT_EQ(bytes_of(in("clip.png")).substr(1, 3), "PNG");
  }
};

TEST_F(Pipeline, FromMidiToFigures) {
  ASSERT_NO_FATAL_FAILURE(render_and_prepare());
  ASSERT_NO_FATAL_FAILURE(train_and_resume());
  ASSERT_NO_FATAL_FAILURE(train_masks());
  ASSERT_NO_FATAL_FAILURE(measure());
  const fs::path mix = in("set") / "test";
  for (const auto& track : fs::directory_iterator(mix)) {
    expect_done(separate({"-n", "./exported", (track.path() / "mix.flac").string()}));
    EXPECT_LE(sum_error(track.path() / "mix.flac", stems("mix", "tiny-trained")), kLsb16);
  }
}

/// Training needs no rendered songs: mixtures will do.
class Training : public CommandLine {
 protected:
  void prepare_mixtures() const {
    fs::create_directories(in("mixtures"));
    for (const std::string name : {"a.wav", "b.wav", "c.wav"}) {
      write_sound(in("mixtures") / name, song(4.0, 24000, 1), 24000, kInt16Wav);
    }
    expect_done(run({"prepare", "--mixtures", "mixtures", "-o", "store", "--seconds", "1"}));
  }
};

TEST_F(Training, WrongKeysAreNamedWithFileAndLine) {
  put_bytes(in("wrong.toml"), configuration("run", 1, "learnig_rate = 1e-3"));
  expect_failure(run({"train", "decomposition", "wrong.toml"}), 1, {"wrong.toml", "line 19", "learnig_rate"});
  put_bytes(in("range.toml"), configuration("run", -1));
  expect_failure(run({"train", "decomposition", "range.toml"}), 1,
                 {"range.toml", "line 10", "diffusion_steps"});
  put_bytes(in("broken.toml"), "[training\n");
  expect_failure(run({"train", "decomposition", "broken.toml"}), 1, {"broken.toml", "line 1"});
  expect_failure(run({"train", "decomposition", "missing.toml"}), 1, {"missing.toml"});
  EXPECT_FALSE(fs::exists(in("run")));
}

TEST_F(Training, CtrlCLeavesACheckpointToResume) {
  ASSERT_NO_FATAL_FAILURE(prepare_mixtures());
  put_bytes(in("long.toml"), configuration("run", 1000000));
  put_bytes(in("short.toml"), configuration("run", 1));
  Process process(words({"train", "decomposition", "long.toml"}), setting());
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  // The header and a few steps.
  while (lines(bytes_of(in("run") / "log.csv")).size() < 4 && process.running() &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  process.send(SIGINT);
  const Finished finished = process.wait();
  EXPECT_EQ(finished.code, 130) << finished.err;
  ASSERT_FALSE(fs::is_empty(in("run") / "checkpoints"));
  EXPECT_FALSE(fs::exists(in("run") / "model"));
  expect_done(run({"train", "export", "run", "-o", "model"}));
  expect_done(run({"models", "verify", "./model"}));
}

}  // namespace
}  // namespace partita::cli::test
