#include "partita/data/prepare.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "../scratch.hpp"
#include "partita/audio/file.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/codec/codec.hpp"
#include "partita/data/store.hpp"

namespace partita::data {
namespace {

namespace fs = std::filesystem;
using Layout = PrepareOptions::Layout;

constexpr int kRate = 24000;

torch::Tensor sine(double seconds, double frequency, double amplitude, int rate = kRate) {
  const auto samples = static_cast<std::int64_t>(std::llround(seconds * rate));
  const torch::Tensor time = torch::arange(samples, torch::kFloat64) / static_cast<double>(rate);
  return (amplitude * torch::sin(2.0 * M_PI * frequency * time)).to(torch::kFloat32).unsqueeze(0);
}

void write_audio(const fs::path& path, const torch::Tensor& samples, int rate = kRate) {
  fs::create_directories(path.parent_path());
  const bool flac = path.extension() == ".flac";
  audio::write_waveform(path, {samples, rate}, flac ? audio::Container::Flac : audio::Container::Wav,
                        flac ? audio::SampleFormat::Int16 : audio::SampleFormat::Float32);
}

/// A Slakh track with a drum stem, two bass stems and a piano stem.
void write_slakh_track(const fs::path& folder, double seconds) {
  write_bytes(folder / "metadata.yaml",
              "UUID: 1\nstems:\n  S00: {inst_class: Drums, is_drum: true}\n  S01: {inst_class: Bass}\n"
              "  S02: {inst_class: Bass}\n  S03: {inst_class: Piano}\n");
  write_audio(folder / "stems/S00.flac", sine(seconds, 3000.0, 0.4));
  write_audio(folder / "stems/S01.flac", sine(seconds, 100.0, 0.4));
  write_audio(folder / "stems/S02.flac", sine(seconds, 100.0, 0.2));
  write_audio(folder / "stems/S03.flac", sine(seconds, 500.0, 0.4));
}

PrepareOptions slakh_options(const Scratch& scratch) {
  PrepareOptions options;
  options.input = scratch / "slakh";
  options.output = scratch / "store";
  options.sources = {"drums", "bass"};
  options.clip_seconds = 1.0;
  options.validation_waveforms = 3;
  return options;
}

PrepareReport::Split split_of(const PrepareReport& report, const std::string& name) {
  for (const auto& split : report.splits) {
    if (split.name == name) return split;
  }
  ADD_FAILURE() << "no split " << name;
  return {};
}

TEST(Prepare, TakesTheSplitsThatAreWanted) {
  const Scratch scratch;
  PrepareOptions options = slakh_options(scratch);
  for (const char* track : {"train/Track00001", "test/Track00004"}) {
    write_slakh_track(options.input / track, 4.5);
  }
  options.splits = {"test"};
  Progress silent;
  const PrepareReport report = prepare(options, silent);
  ASSERT_EQ(report.splits.size(), 1U);
  EXPECT_EQ(split_of(report, "test").clips, 4);
  EXPECT_EQ(LatentStore(options.output, "test").audio_clips(), 3);
  EXPECT_THROW(LatentStore(options.output, "train"), DataError);
  options.output = scratch / "another";
  options.splits = {"tests"};
  EXPECT_THROW(prepare(options, silent), UsageError);
}

TEST(Prepare, SlakhClipsAreMeansOfTheSources) {
  const Scratch scratch;
  const PrepareOptions options = slakh_options(scratch);
  for (const char* track :
       {"train/Track00001", "validation/Track00002", "validation/Track00003", "test/Track00004"}) {
    write_slakh_track(options.input / track, 4.5);
  }
  Progress silent;
  const PrepareReport report = prepare(options, silent);
  EXPECT_EQ(split_of(report, "train").clips, 4);
  EXPECT_EQ(split_of(report, "validation").clips, 8);
  EXPECT_EQ(split_of(report, "validation").tracks, 2);

  const LatentStore train(options.output, "train");
  EXPECT_EQ(train.size(), 4);
  EXPECT_FALSE(train.has_audio());
  EXPECT_EQ(train.info().clip_frames, 75);
  EXPECT_EQ(train.mixtures({0, 3}).sizes().vec(), (std::vector<std::int64_t>{2, 128, 75}));

  const LatentStore validation(options.output, "validation");
  EXPECT_EQ(validation.size(), 8);
  const torch::Tensor mixture = validation.mixture_audio();
  const torch::Tensor sources = validation.source_audio();
  ASSERT_EQ(mixture.sizes().vec(), (std::vector<std::int64_t>{3, kRate}));
  ASSERT_EQ(sources.sizes().vec(), (std::vector<std::int64_t>{3, 2, kRate}));
  EXPECT_TRUE(torch::allclose(mixture, sources.mean(1), 0.0, 1e-6));
  // Two bass stems of amplitudes 0.4 and 0.2 average to 0.3; FLAC rounds to 16 bits.
  EXPECT_NEAR(sources.select(1, 1).abs().max().item<double>(), 0.3, 1e-3);
  EXPECT_NEAR(sources.select(1, 0).abs().max().item<double>(), 0.4, 1e-3);
  // Kept audio belongs to the first clips: its latents are theirs, to half precision.
  const torch::Tensor latents = codec::make_codec("mel")->encode(mixture.unsqueeze(1));
  const torch::Tensor stored = validation.mixtures({0, 1, 2});
  EXPECT_TRUE(torch::allclose(latents, stored, 2e-3, 2e-3)) << (latents - stored).abs().max().item<double>();
}

TEST(Prepare, KeepsAudioOfTrainingClipsOnDemand) {
  const Scratch scratch;
  PrepareOptions options = slakh_options(scratch);
  options.train_waveforms = 3;
  for (const char* track : {"train/Track00001", "train/Track00002"})
    write_slakh_track(options.input / track, 4.5);
  Progress silent;
  (void)prepare(options, silent);
  const LatentStore train(options.output, "train");
  EXPECT_EQ(train.size(), 8);
  EXPECT_EQ(train.audio_clips(), 3);
  const torch::Tensor sounds = train.audio_crops({1, 1, 1}, {0, 1, 2}, {0, 0, 0}, train.audio_length());
  EXPECT_TRUE(torch::allclose(sounds[0], (sounds[1] + sounds[2]) / 2.0, 0.0, 1e-6));
  options.train_waveforms = -1;
  EXPECT_THROW((void)prepare(options, silent), UsageError);
}

TEST(Prepare, CountsWhatIsLeftOut) {
  const Scratch scratch;
  const PrepareOptions options = slakh_options(scratch);
  const fs::path train = options.input / "train";
  for (int i = 1; i <= 7; ++i) write_slakh_track(train / ("Track0000" + std::to_string(i)), 2.0);
  fs::remove(train / "Track00002/stems/S01.flac");
  fs::remove(train / "Track00002/stems/S02.flac");
  fs::remove(train / "Track00001/stems/S02.flac");  // the other bass stem is there
  write_bytes(train / "Track00003/metadata.yaml", "stems: {S00: {inst_class: Drums}}\n");
  write_audio(train / "Track00004/stems/S00.flac", sine(1.5, 3000.0, 0.4));
  write_bytes(train / "Track00005/stems/S00.flac", "this is no audio");
  write_bytes(train / "Track00006/metadata.yaml", "stems: [broken\n");
  torch::Tensor half = sine(2.0, 100.0, 0.4);
  half.narrow(1, 0, kRate).mul_(0.01);
  write_audio(train / "Track00007/stems/S01.flac", half);
  write_audio(train / "Track00007/stems/S02.flac", half);
  Progress silent;
  const PrepareReport::Split split = split_of(prepare(options, silent), "train");
  EXPECT_EQ(split.tracks, 2);
  EXPECT_EQ(split.clips, 3);
  EXPECT_EQ(split.quiet_clips, 1);
  EXPECT_EQ(split.skipped_tracks, 5);
  EXPECT_EQ(split.missing_stems, 1);
  ASSERT_EQ(split.reasons.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(split.reasons[i].rfind("Track0000" + std::to_string(i + 2), 0), 0U) << split.reasons[i];
  }
  const auto report = nlohmann::json::parse(bytes_of(options.output / "report.json"));
  EXPECT_EQ(report["splits"][0]["skipped_tracks"], 5);
}

TEST(Prepare, SameBytesWithOneAndTwoWorkersAndResumes) {
  const Scratch scratch;
  PrepareOptions options = slakh_options(scratch);
  options.sources = {"Bass", "piano", "Drums"};
  for (int i = 1; i <= 9; ++i) {
    const fs::path split = options.input / (i < 7 ? "train" : i < 8 ? "validation" : "test");
    write_slakh_track(split / ("Track0000" + std::to_string(i)), 1.0 + 0.5 * i);
  }
  Progress silent;
  options.workers = 1;
  prepare(options, silent);
  const auto bytes = tree_of(options.output);
  options.output = scratch / "two";
  options.workers = 2;
  prepare(options, silent);
  EXPECT_TRUE(tree_of(options.output) == bytes);

  options.output = scratch / "cut off";
  options.workers = 1;
  write_bytes(options.output / "test", "a file where a folder must be");
  EXPECT_THROW(prepare(options, silent), DataError);
  fs::remove(options.output / "test");
  const auto first = options.output / "train" / "clips-000000.safetensors";
  ASSERT_TRUE(fs::exists(first));
  const auto written = fs::last_write_time(first);
  EXPECT_THROW(LatentStore(options.output, "train"), DataError);  // not finished
  options.minimum_rms = 0.5;
  EXPECT_THROW(prepare(options, silent), DataError);  // begun with other options
  options.minimum_rms = 0.01;
  options.workers = 2;
  prepare(options, silent);
  EXPECT_EQ(fs::last_write_time(first), written);
  EXPECT_TRUE(tree_of(options.output) == bytes);
  EXPECT_THROW(prepare(options, silent), DataError);  // holds a store
}

TEST(Prepare, ShortTracksAreNamed) {
  const Scratch scratch;
  const PrepareOptions options = slakh_options(scratch);
  write_slakh_track(options.input / "train/Track00001", 0.9);
  write_slakh_track(options.input / "train/Track00002", 1.0);
  Progress silent;
  const PrepareReport::Split split = split_of(prepare(options, silent), "train");
  EXPECT_EQ(split.clips, 1);
  ASSERT_EQ(split.reasons.size(), 1U);
  EXPECT_NE(split.reasons[0].find("shorter than a clip"), std::string::npos) << split.reasons[0];
}

TEST(Prepare, MusdbHoldsOutTheLastSongsOfTrain) {
  const Scratch scratch;
  PrepareOptions options = slakh_options(scratch);
  options.layout = Layout::Musdb;
  options.sources = {"drums", "vocals"};
  for (const char* song : {"train/A - 1", "train/B - 2", "train/C - 3", "train/D - 4", "test/E - 5"}) {
    // Stereo at another rate: mixed down and resampled.
    for (const char* source : {"drums", "vocals"}) {
      write_audio(options.input / song / (std::string(source) + ".wav"),
                  torch::cat({sine(1.2, 440.0, 0.5, 44100), sine(1.2, 440.0, 0.1, 44100)}), 44100);
    }
  }
  Progress silent;
  const PrepareReport report = prepare(options, silent);
  EXPECT_EQ(split_of(report, "train").tracks, 3);
  EXPECT_EQ(split_of(report, "validation").tracks, 1);
  EXPECT_EQ(split_of(report, "test").clips, 1);
  const LatentStore test(options.output, "test");
  EXPECT_NEAR(test.source_audio().select(1, 0).square().mean().sqrt().item<double>(), 0.3 / std::sqrt(2.0),
              1e-3);
}

TEST(Prepare, MixturesNeedNoStems) {
  const Scratch scratch;
  PrepareOptions options = slakh_options(scratch);
  options.layout = Layout::Mixtures;
  options.sources.clear();
  for (int i = 0; i < 40; ++i) {
    write_audio(options.input / ("folder" + std::to_string(i % 3)) / ("song" + std::to_string(i) + ".wav"),
                sine(1.0, 100.0 + 10.0 * i, 0.2));
  }
  Progress silent;
  const PrepareReport report = prepare(options, silent);
  std::int64_t tracks = 0;
  for (const auto& split : report.splits) tracks += split.tracks;
  EXPECT_EQ(tracks, 40);
  EXPECT_GT(split_of(report, "train").tracks, 25);
  const LatentStore store(options.output, "train");
  EXPECT_TRUE(store.info().sources.empty());
  EXPECT_THROW((void)store.sources({0}), DataError);
  options.splits = {"train"};
  options.output += "-all";
  EXPECT_EQ(split_of(prepare(options, silent), "train").tracks, 40) << "all go to the one that is wanted";
}

TEST(Prepare, RefusesFoldersAndOptionsThatMakeNoSense) {
  const Scratch scratch;
  Progress silent;
  PrepareOptions options = slakh_options(scratch);
  EXPECT_THROW(prepare(options, silent), DataError);  // no such folder
  fs::create_directories(options.input);
  for (const Layout layout : {Layout::Slakh, Layout::Musdb, Layout::Mixtures}) {
    options.layout = layout;
    EXPECT_THROW(prepare(options, silent), DataError);  // empty
  }
  options.layout = Layout::Slakh;
  options.sources = {"drums", "drums"};
  EXPECT_THROW(prepare(options, silent), UsageError);
  options.sources = {"drums"};
  options.clip_seconds = 0.0;
  EXPECT_THROW(prepare(options, silent), UsageError);
}

TEST(Prepare, InterruptLeavesNoStore) {
  const Scratch scratch;
  const PrepareOptions options = slakh_options(scratch);
  write_slakh_track(options.input / "train/Track00001", 2.0);
  Progress silent;
  request_interrupt();
  EXPECT_THROW(prepare(options, silent), Interrupted);
  request_interrupt(false);
  EXPECT_THROW(LatentStore(options.output, "train"), DataError);
  EXPECT_EQ(split_of(prepare(options, silent), "train").clips, 2);
}

}  // namespace
}  // namespace partita::data
