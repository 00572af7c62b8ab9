#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "command_line.hpp"

namespace partita::cli::test {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using Json = nlohmann::json;

constexpr double kFloatTolerance = 1e-6;

class Separate : public CommandLine {
 protected:
  /// Every kind of input that there is, one file each; the names.
  Words write_songs() const {
    write_sound(in("rate8000.wav"), song(1.2, 8000, 2), 8000, kInt16Wav);
    write_sound(in("rate96000.wav"), song(0.7, 96000, 2), 96000, kFloatWav);
    write_sound(in("mono.wav"), song(1.0, 44100, 1), 44100, kInt16Wav);
    write_sound(in("stereo.flac"), song(1.0, 44100, 2), 44100, kFlac);
    write_sound(in("stereo.ogg"), song(1.0, 48000, 2), 48000, kOgg);
    write_sound(in("mono.mp3"), song(1.0, 44100, 1), 44100, kMp3);
    write_sound(in("seven.wav"), song(0.5, 22050, 7), 22050, kInt16Wav);
    write_sound(in("silence.wav"), torch::zeros({2, 20000}), 44100, kInt16Wav);
    write_sound(in("sample.wav"), torch::full({1, 1}, 0.5), 44100, kInt16Wav);
    // {track} is the name without its extension, so each format has a name of its own.
    fs::rename(in("stereo.flac"), in("flac.flac"));
    fs::rename(in("stereo.ogg"), in("ogg.ogg"));
    fs::rename(in("mono.mp3"), in("mp3.mp3"));
    return {"rate8000.wav", "rate96000.wav", "mono.wav",    "flac.flac", "ogg.ogg",
            "mp3.mp3",      "seven.wav",     "silence.wav", "sample.wav"};
  }

  void expect_stems_add_up(const Words& songs, double tolerance) const {
    for (const auto& name : songs) {
      SCOPED_TRACE(name);
      const auto paths = stems(fs::path(name).stem().string());
      for (const auto& path : paths) ASSERT_TRUE(fs::exists(path)) << path;
      EXPECT_LE(sum_error(in(name), paths), tolerance);
    }
    EXPECT_EQ(files().size(), 2 * songs.size()) << "nothing but the stems";
  }

  static void expect_silent(const std::vector<fs::path>& paths) {
    for (const auto& path : paths) {
      EXPECT_EQ(audio::read_waveform(path).samples.abs().max().item<float>(), 0.0F);
    }
  }
};

TEST_F(Separate, FloatStemsOfEveryFormatAddUpToTheSong) {
  const Words songs = write_songs();
  Words arguments = separation({"-n", "tiny", "--float32", "--json", "report.json"});
  arguments.insert(arguments.end(), songs.begin(), songs.end());
  const Finished finished = run(arguments);
  expect_done(finished);
  EXPECT_EQ(finished.out, "");
  expect_stems_add_up(songs, kFloatTolerance);
  expect_silent(stems("silence"));

  const Json report = Json::parse(bytes_of(in("report.json")));
  EXPECT_EQ(report.at("model"), "tiny");
  ASSERT_EQ(report.at("songs").size(), songs.size());
  for (std::size_t i = 0; i < songs.size(); ++i) {
    const Json& entry = report.at("songs")[i];
    const audio::Waveform whole = audio::read_waveform(in(songs[i]));
    EXPECT_EQ(entry.at("song"), songs[i]);
    EXPECT_EQ(entry.at("sample_rate"), whole.sample_rate);
    EXPECT_EQ(entry.at("channels"), whole.samples.size(0));
    EXPECT_EQ(entry.at("frames"), whole.samples.size(1));
    EXPECT_LE(entry.at("residual").get<double>(), kFloatTolerance);
    EXPECT_GT(entry.at("seconds").get<double>(), 0.0);
    EXPECT_EQ(entry.at("stems")[0].at("name"), "drums");
    EXPECT_TRUE(fs::exists(folder_.path() / entry.at("stems")[1].at("file").get<std::string>()));
  }
}

TEST_F(Separate, IntegerStemsAddUpToOneLevel) {
  const Words songs = write_songs();
  Words arguments = separation({"-n", "tiny"});
  arguments.insert(arguments.end(), songs.begin(), songs.end());
  expect_done(run(arguments));
  expect_stems_add_up(songs, kLsb16);
  expect_silent(stems("silence"));
  EXPECT_EQ(audio::AudioReader(stems("mono")[0]).info().channels, 1);
  EXPECT_EQ(audio::AudioReader(stems("mono")[0]).info().bits, 16);
}

TEST_F(Separate, RawComponentsAreTheModelsOwn) {
  write_sound(in("song.wav"), song(1.0, 44100, 2), 44100, kInt16Wav);
  expect_done(separate({"-n", "tiny", "--refine", "none", "--float32", "song.wav"}));
  const torch::Tensor drums = audio::read_waveform(stems("song")[0]).samples;
  EXPECT_EQ(drums.sizes(), (std::vector<std::int64_t>{2, 44100}));
  EXPECT_TRUE(torch::equal(drums[0], drums[1]));
  EXPECT_GT(sum_error(in("song.wav"), stems("song")), kLsb16);
}

TEST_F(Separate, TwoStemsAreOneAndTheRest) {
  write_sound(in("song.wav"), song(1.0, 44100, 2), 44100, kInt16Wav);
  expect_done(separate({"-n", "tiny", "--two-stems", "bass", "song.wav"}));
  const fs::path place = out() / "tiny" / "song";
  EXPECT_THAT(files(), UnorderedElementsAre(place / "bass.wav", place / "no_bass.wav"));
  EXPECT_LE(sum_error(in("song.wav"), files()), kLsb16);
}

TEST_F(Separate, WritesTheFormatThatWasAskedFor) {
  write_sound(in("song.wav"), song(1.0, 44100, 2), 44100, kFloatWav);
  const Words hpss{"-n", "hpss", "song.wav"};
  const auto with = [&](Words arguments) {
    arguments.insert(arguments.end(), hpss.begin(), hpss.end());
    expect_done(separate(arguments));
  };
  with({"--flac", "--int24"});
  with({"--int24"});
  with({"--mp3"});
  EXPECT_EQ(files().size(), 6U);
  const auto flac = stems("song", "hpss", "flac");
  const auto wav = stems("song", "hpss");
  EXPECT_EQ(audio::AudioReader(flac[0]).info().format, "flac");
  EXPECT_EQ(audio::AudioReader(flac[0]).info().bits, 24);
  EXPECT_EQ(audio::AudioReader(wav[0]).info().bits, 24);
  EXPECT_LE(sum_error(in("song.wav"), flac), kLsb24);
  EXPECT_LE(sum_error(in("song.wav"), wav), kLsb24);
  const audio::Waveform mp3 = audio::read_waveform(stems("song", "hpss", "mp3")[1]);
  const audio::Waveform exact = audio::read_waveform(wav[1]);
  ASSERT_GE(mp3.samples.size(1), exact.samples.size(1));
  // The encoder's error, at its best setting, is some 1 % of the peak.
  EXPECT_LE(decomposition::distance(mp3.samples.slice(1, 0, exact.samples.size(1)), exact.samples), 0.05);
}

TEST_F(Separate, FileNamesFollowTheTemplate) {
  write_sound(in("my song.wav"), song(0.5, 44100, 1), 44100, kInt16Wav);
  const Finished finished = separate({"-n", "hpss", "--filename", "{track} ({stem}).{ext}", "my song.wav"});
  expect_done(finished);
  EXPECT_THAT(files(), UnorderedElementsAre(out() / "my song (drums).wav", out() / "my song (bass).wav"));
  EXPECT_EQ(finished.out, "") << "logs go to stderr";
  EXPECT_THAT(finished.err, HasSubstr("out/my song (drums).wav"));
}

TEST_F(Separate, TheSameSeedGivesTheSameBytes) {
  write_sound(in("song.wav"), song(1.0, 44100, 2), 44100, kInt16Wav);
  const auto bytes = [&](const std::string& seed) {
    expect_done(separate({"-n", "tiny", "--float32", "--seed", seed, "song.wav"}));
    std::string all;
    for (const auto& path : stems("song")) all += bytes_of(path);
    fs::remove_all(out());
    return all;
  };
  const std::string first = bytes("3");
  EXPECT_GT(first.size(), 44100U * 16);
  EXPECT_TRUE(bytes("3") == first);
  EXPECT_FALSE(bytes("4") == first);
}

TEST_F(Separate, JsonOnStdoutStandsAlone) {
  write_sound(in("song.wav"), song(0.5, 44100, 1), 44100, kInt16Wav);
  const Finished finished = separate({"-q", "--json", "-", "-n", "hpss", "song.wav"});
  expect_done(finished);
  EXPECT_EQ(finished.err, "");
  const Json report = Json::parse(finished.out);  // throws, and fails the test, for anything more
  EXPECT_EQ(report.at("songs").size(), 1U);
  EXPECT_EQ(report.at("songs")[0].at("frames"), 22050);
}

TEST_F(Separate, SaysWhenStemsClipAndRescalesOnRequest) {
  write_sound(in("loud.wav"), 2.0 * song(1.0, 44100, 1), 44100, kFloatWav);
  const Finished clipped = separate({"-n", "hpss", "--json", "report.json", "loud.wav"});
  expect_done(clipped);
  EXPECT_THAT(clipped.err, HasSubstr("beyond full scale"));
  EXPECT_GT(Json::parse(bytes_of(in("report.json"))).at("songs")[0].at("clipped").get<int>(), 0);

  expect_done(separate({"-n", "hpss", "--clip-mode", "rescale", "--json", "report.json", "loud.wav"}));
  const Json result = Json::parse(bytes_of(in("report.json"))).at("songs")[0];
  EXPECT_EQ(result.at("clipped"), 0);
  const double scale = result.at("scale");
  EXPECT_LT(scale, 1.0);
  write_sound(in("scaled.wav"), scale * audio::read_waveform(in("loud.wav")).samples, 44100, kFloatWav);
  EXPECT_LE(sum_error(in("scaled.wav"), stems("loud", "hpss")), kLsb16);
}

TEST_F(Separate, AFailureKeepsTheSongsBeforeIt) {
  write_sound(in("song.wav"), song(0.5, 44100, 1), 44100, kInt16Wav);
  const Finished finished = separate({"-q", "-n", "hpss", "song.wav", "missing.wav"});
  expect_failure(finished, 1, {"missing.wav"});
  EXPECT_LE(sum_error(in("song.wav"), stems("song", "hpss")), kLsb16);
}

TEST_F(Separate, ListsModelsAndBaselines) {
  const Finished finished = run({"separate", "--list-models"});
  expect_done(finished);
  const auto names = lines(finished.out);
  for (const std::string model : {"tiny", "drums-bass", "bass-piano", "drums-bass-piano"}) {
    EXPECT_NE(std::find(names.begin(), names.end(), model), names.end()) << model;
  }
  EXPECT_EQ(std::find(names.begin(), names.end(), "mel-vocoder"), names.end());
  for (const std::string baseline : {"hpss", "nmf", "rpca", "repet-sim", "ft2d"}) {
    EXPECT_NE(std::find(names.begin(), names.end(), baseline), names.end()) << baseline;
  }
}

TEST_F(Separate, EveryBaselineTakesASongApart) {
  write_sound(in("song.wav"), song(1.5, 22050, 2), 22050, kInt16Wav);
  for (const std::string name : {"nmf", "rpca", "repet-sim", "ft2d"}) {
    SCOPED_TRACE(name);
    expect_done(separate({"-n", name, "--seed", "3", "song.wav"}));
    EXPECT_LE(sum_error(in("song.wav"), stems("song", name)), kLsb16);
  }
}

TEST_F(Separate, ModelsAreListedAndVerified) {
  const Finished list = run({"models", "list", "--json", "-"});
  expect_done(list);
  EXPECT_EQ(Json::parse(list.out).at("models")[0].at("name"), "tiny");
  const Finished verified = run({"models", "verify", "tiny"});
  expect_done(verified);
  EXPECT_THAT(verified.out, HasSubstr("whole"));
  expect_failure(run({"models", "verify", "nothing"}), 1, {"'nothing'", "tiny"});
}

}  // namespace
}  // namespace partita::cli::test
