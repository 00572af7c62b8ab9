#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command_line.hpp"
#include "support/encodec_weights.hpp"
#include "support/tiny_networks.hpp"

namespace partita::cli::test {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

/// The smallest decomposition of EnCodec's latents, without its networks.
constexpr const char* kConfiguration = R"([data]
store = "store"

[training]
output = "run"
name = "tiny-encodec"
batch_size = 2
crop_frames = 32
autoencoder_steps = 0
diffusion_steps = 1
ema_decay = 0.9
validation_clips = 2

[model]
comp_function = "mean"

)";

/// With an EnCodec of pseudo-random weights in the home folder.
class CodecCommand : public CommandLine {
 protected:
  static void SetUpTestSuite() {
    CommandLine::SetUpTestSuite();
    const fs::path file = home() / "codecs" / "encodec_24khz" / "model.safetensors";
    if (fs::exists(file)) return;
    fs::create_directories(file.parent_path());
    io::write_safetensors(file, support::encodec_weights("encodec_24khz", "full"));
  }

  [[nodiscard]] Json report(Words arguments) const {
    arguments.insert(arguments.end(), {"--json", "-"});
    const Finished finished = run(arguments);
    EXPECT_EQ(finished.code, 0) << finished.err;
    return finished.code == 0 ? Json::parse(finished.out) : Json();
  }
};

TEST_F(CodecCommand, EncodesDecodesAndGoesThere) {
  write_sound(in("song.wav"), song(2.0, 44100, 2), 44100, kInt16Wav);
  const Json encoded = report({"codec", "encode", "song.wav", "-o", "song.ecdc", "--bandwidth", "6"});
  EXPECT_EQ(encoded.at("codec"), "encodec_24khz@6");
  EXPECT_EQ(encoded.at("samples"), 48000);
  // 150 frames of 8 codes of 10 bits, and a header.
  EXPECT_NEAR(static_cast<double>(fs::file_size(in("song.ecdc"))), 1500.0, 100.0);
  const Json decoded = report({"codec", "decode", "song.ecdc", "-o", "decoded.wav", "--float32"});
  EXPECT_EQ(decoded.at("samples"), 48000);
  const Json back =
      report({"codec", "roundtrip", "song.wav", "-o", "back.wav", "--bandwidth", "6", "--float32"});
  EXPECT_GT(back.at("encode_real_time_factor"), 0.0);
  const auto samples = [&](const char* name) { return audio::read_waveform(in(name)).samples; };
  EXPECT_EQ(samples("decoded.wav").sizes(), (std::vector<std::int64_t>{1, 48000}));
  EXPECT_TRUE(torch::equal(samples("decoded.wav"), samples("back.wav")));
}

TEST_F(CodecCommand, FailuresAreOneLine) {
  write_sound(in("song.wav"), song(0.5, 24000, 1), 24000, kInt16Wav);
  expect_failure(run({"codec", "encode", "song.wav", "-o", "x.ecdc", "--bandwidth", "5"}), 1, {"5 kbit/s"});
  expect_failure(run({"codec", "encode", "song.wav", "-o", "x.ecdc", "--codec", "encodec_48khz"}), 1,
                 {"partita models fetch encodec_48khz"});
  expect_failure(run({"codec", "encode", "nothing.wav", "-o", "x.ecdc"}), 1, {"nothing.wav"});
  expect_failure(run({"codec", "decode", "song.wav", "-o", "x.wav"}), 1, {"song.wav"});
  expect_failure(run({"codec", "roundtrip", "song.wav", "-o", "x.txt"}), 2, {".wav, .flac or .mp3"});
  put_bytes(in("broken.safetensors"), "no weights");
  expect_failure(run({"codec", "encode", "song.wav", "-o", "x.ecdc", "--weights", "broken.safetensors"}), 1,
                 {"broken.safetensors"});
  EXPECT_FALSE(fs::exists(in("x.ecdc")));
  EXPECT_FALSE(fs::exists(in("x.wav")));
}

TEST_F(CodecCommand, IsMeasuredBesideOthers) {
  write_sound(in("song.wav"), song(1.0, 24000, 1), 24000, kInt16Wav);
  const Json figures = report({"evaluate", "codec", "song.wav", "-n", "encodec_24khz@1.5,encodec_24khz,mel"});
  const Json& rows = figures.at("codecs");
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].at("bit_rate"), 1.5);
  EXPECT_EQ(rows[1].at("bit_rate"), 24.0);
  EXPECT_TRUE(rows[2].at("bit_rate").is_null());
  // The mel codec gives magnitudes back; random weights give noise.
  EXPECT_LT(rows[2].at("ms_stft").at("mean"), rows[1].at("ms_stft").at("mean"));
  const Finished table = run({"evaluate", "codec", "song.wav"});
  EXPECT_THAT(table.out, HasSubstr("| encodec_24khz | 24 |"));
}

TEST_F(CodecCommand, ItsEncoderIsAnEmbedding) {
  for (const char* name : {"a", "b"}) {
    fs::create_directories(in(name));
    write_sound(in(name) / "song.wav", song(1.0, 24000, 1), 24000, kInt16Wav);
  }
  const Json found = report({"evaluate", "generation", "--reference", "a", "--candidates", "b", "--embedding",
                             "encodec", "--resamples", "2"});
  EXPECT_EQ(found.at("embedding"), "encodec");
  EXPECT_EQ(found.at("dimensions"), 128);
  EXPECT_EQ(found.at("reference_frames"), 75);
  EXPECT_NEAR(found.at("rows")[0].at("fad").get<double>(), 0.0, 1e-6);
}

TEST_F(CodecCommand, LatentsArePreparedTrainedOnAndSeparated) {
  fs::create_directories(in("mixtures"));
  for (const char* name : {"a.wav", "b.wav", "c.wav"}) {
    write_sound(in("mixtures") / name, song(2.0, 24000, 1), 24000, kInt16Wav);
  }
  expect_done(run({"prepare", "--mixtures", "mixtures", "-o", "store", "--seconds", "1", "--codec",
                   "encodec_24khz", "--bandwidth", "6"}));
  EXPECT_THAT(bytes_of(in("store") / "store.toml"), HasSubstr("encodec_24khz@6"));
  put_bytes(in("train.toml"), std::string(kConfiguration) + support::to_toml({128, 16, 32, 32, 0.1, false}));
  expect_done(run({"train", "decomposition", "train.toml"}));
  EXPECT_THAT(bytes_of(in("run") / "model" / "model.toml"), HasSubstr("encodec_24khz@6"));
  write_sound(in("song.wav"), song(1.5, 44100, 2), 44100, kInt16Wav);
  expect_done(separate({"-n", "./run/model", "song.wav"}));
  std::vector<fs::path> stems = files();
  ASSERT_EQ(stems.size(), 2U);
  EXPECT_LE(sum_error(in("song.wav"), stems), kLsb16);
  expect_done(separate({"-n", "./run/model", "song.wav", "--refine", "none", "--float32"}));
}

}  // namespace
}  // namespace partita::cli::test
