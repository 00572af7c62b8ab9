#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "command_line.hpp"

namespace partita::cli::test {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kRate = 8000;

/// Every failure: the right code, one line that names what is wrong, and nothing left behind.
class Failures : public CommandLine {
 protected:
  void expect_refused(const Words& arguments, int code, const Words& parts) const {
    SCOPED_TRACE(fmt::format("{}", fmt::join(arguments, " ")));
    expect_failure(separate(arguments), code, parts);
    EXPECT_FALSE(fs::exists(out()));
  }
  void expect_bad_song(const std::string& name, const Words& parts) const {
    Words all{name};
    all.insert(all.end(), parts.begin(), parts.end());
    // Stretches of five seconds: what is damaged late is found after the stems were begun.
    expect_refused({"-n", "hpss", "--segment", "5", name}, kFailed, all);
  }
  void write_song(double seconds = 0.5) const {
    write_sound(in("song.wav"), song(seconds, kRate, 1), kRate, kInt16Wav);
  }
};

TEST_F(Failures, SongsThatAreNone) {
  expect_bad_song("missing.wav", {"no such file"});
  fs::create_directories(in("folder.wav"));
  expect_bad_song("folder.wav", {"folder"});
  put_bytes(in("empty.wav"), "");
  expect_bad_song("empty.wav", {"empty"});
  put_bytes(in("text.wav"), "La donna è mobile, qual piuma al vento.\n");
  expect_bad_song("text.wav", {"no audio"});
}

TEST_F(Failures, DamagedSongs) {
  const torch::Tensor samples = song(12.0, kRate, 2);
  write_sound(in("whole.flac"), samples, kRate, kFlac);
  const std::string bytes = bytes_of(in("whole.flac"));
  put_bytes(in("cut.flac"), bytes.substr(0, bytes.size() * 3 / 4));
  expect_bad_song("cut.flac", {"truncated"});

  torch::Tensor bad = samples.clone();
  bad[1][11 * kRate] = std::numeric_limits<float>::quiet_NaN();
  write_sound(in("nan.wav"), bad, kRate, kFloatWav);
  expect_bad_song("nan.wav", {"sample 88000 of channel 2", "not a number"});

  bad = samples.clone();
  bad[0][7] = -std::numeric_limits<float>::infinity();
  write_sound(in("infinite.wav"), bad, kRate, kFloatWav);
  expect_bad_song("infinite.wav", {"sample 7 of channel 1", "infinite"});
}

TEST_F(Failures, ModelsThatAreNone) {
  write_song();
  expect_refused({"-n", "nothing", "song.wav"}, kFailed, {"'nothing'", "tiny"});
  expect_refused({"-n", "./nothing", "song.wav"}, kFailed, {"'./nothing'", "model.toml"});
}

TEST_F(Failures, DamagedModels) {
  write_song();
  fs::copy(tiny(), in("damaged"));
  std::string weights = bytes_of(tiny() / "model.safetensors");
  weights[weights.size() / 2] = static_cast<char>(weights[weights.size() / 2] ^ 1);
  put_bytes(in("damaged") / "model.safetensors", weights);
  expect_refused({"-n", "./damaged", "song.wav"}, kFailed, {"model.safetensors", "damaged", "SHA-256"});
  expect_failure(run({"models", "verify", "./damaged"}), kFailed, {"model.safetensors"});

  fs::copy(tiny(), in("keyless"));
  std::string card = bytes_of(tiny() / "model.toml");
  const auto key = card.find("components");
  ASSERT_NE(key, std::string::npos);
  put_bytes(in("keyless") / "model.toml", card.replace(key, card.find('\n', key) - key, ""));
  expect_refused({"-n", "./keyless", "song.wav"}, kFailed, {"model.toml", "components"});
}

TEST_F(Failures, PlacesThatCannotBeWritten) {
  write_song();
  put_bytes(in("file"), "no folder");
  for (const std::string place : {"file/below", "/proc/partita"}) {
    const Finished finished = run({"separate", "-n", "hpss", "-o", place, "song.wav"});
    expect_failure(finished, kFailed, {place});
  }
  EXPECT_EQ(bytes_of(in("file")), "no folder");
  // A song is never replaced by its own stem.
  const Finished replaced = run(
      {"separate", "-n", "hpss", "-o", ".", "--filename", "song.{ext}", "--two-stems", "bass", "song.wav"});
  EXPECT_EQ(replaced.code, kUsage) << replaced.err;
  EXPECT_EQ(sum_error(in("song.wav"), {in("song.wav")}), 0.0);
}

TEST_F(Failures, FullDisk) {
  write_sound(in("song.wav"), song(12.0, kRate, 1), kRate, kInt16Wav);
  Setting full = setting();
  full.largest_file = 10000;
  for (const Words& format : {Words{"--int24"}, Words{"--flac"}, Words{"--mp3"},
                              Words{"--clip-mode", "rescale"}, Words{"--json", "report.json", "--float32"}}) {
    SCOPED_TRACE(format[0]);
    Words arguments = separation({"-n", "hpss", "--segment", "5", "song.wav"});
    arguments.insert(arguments.end(), format.begin(), format.end());
    expect_failure(run(arguments, full), kFailed, {"no space left"});
    EXPECT_FALSE(fs::exists(out()));
    EXPECT_FALSE(fs::exists(in("report.json")));
  }
}

TEST_F(Failures, ReportThatCannotBeWritten) {
  Setting full = setting();
  full.standard_output = "/dev/full";
  expect_failure(run({"models", "list", "--json", "-"}, full), kFailed, {"standard output"});
  put_bytes(in("file"), "no folder");
  Process process(words({"-q", "models", "verify", "tiny", "--json", "file/report.json"}), setting());
  const Finished finished = process.wait();
  EXPECT_EQ(finished.code, kFailed);
  EXPECT_EQ(lines(finished.err).size(), 1U) << finished.err;
}

TEST_F(Failures, WrongUsage) {
  write_song();
  expect_refused({}, kUsage, {"no song given"});
  expect_refused({"-n", "hpss", "song.wav", "--bogus"}, kUsage, {"--bogus", "partita separate --help"});
  expect_refused({"song.wav", "--steps", "0"}, kUsage, {"--steps"});
  expect_refused({"song.wav", "--overlap", "2"}, kUsage, {"--overlap"});
  expect_refused({"song.wav", "--refine", "magic"}, kUsage, {"--refine"});
  expect_refused({"song.wav", "--flac", "--mp3"}, kUsage, {"--flac", "--mp3"});
  expect_refused({"song.wav", "--flac", "--float32"}, kUsage, {"FLAC"});
  expect_refused({"-n", "hpss", "song.wav", "-d", "abacus"}, kUsage, {"'abacus'"});
  expect_refused({"-n", "hpss", "song.wav", "--two-stems", "viola"}, kUsage, {"'viola'", "drums, bass"});
  expect_refused({"-n", "hpss", "song.wav", "--filename", "{bogus}"}, kUsage, {"bogus"});
  expect_failure(run({}), kUsage, {"partita --help"});
  expect_failure(run({"compose"}), kUsage, {"partita --help"});
}

TEST_F(Failures, HelpAndVersionAreNoFailures) {
  const Finished help = run({"separate", "--help"});
  expect_done(help);
  EXPECT_THAT(help.out, ::testing::HasSubstr("--two-stems"));
  const Finished version = run({"--version"});
  expect_done(version);
  EXPECT_EQ(lines(version.out).size(), 1U);
}

}  // namespace
}  // namespace partita::cli::test
