#include "partita/evaluation/stems.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partita/audio/file.hpp"
#include "support/signals.hpp"
#include "support/temporary_folder.hpp"

namespace partita::evaluation {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr int kRate = 8000;
const BssOptions kOptions{0.5, 0.5, 32};

/// `[channel, sample]`, a little different in each channel.
torch::Tensor stereo(const torch::Tensor& mono) {
  return torch::stack({mono, 0.7 * mono + 0.1 * mono.roll(3)});
}
torch::Tensor drums() { return stereo(support::drums_like(2.0, kRate)); }
torch::Tensor bass() { return stereo(support::bass_like(2.0, kRate)); }

class Stems : public ::testing::Test {
 protected:
  void write(const std::string& name, const torch::Tensor& samples, int rate = kRate,
             audio::Container container = audio::Container::Wav,
             audio::SampleFormat format = audio::SampleFormat::Float32) const {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    audio::write_waveform(path, {samples, rate}, container, format);
  }
  void write_song(const std::string& song) const {
    write("true/test/" + song + "/drums.wav", drums());
    write("true/test/" + song + "/bass.wav", bass());
    write("true/test/" + song + "/mixture.wav", drums() + bass());
  }
  void write_estimates(const std::string& folder, double leak) const {
    write(folder + "/drums.wav", drums() + leak * bass());
    write(folder + "/bass.wav", bass() + leak * drums());
  }
  [[nodiscard]] StemTracks find(const std::vector<std::string>& sources = {}) const {
    return find_stem_tracks(folder_ / "true", folder_ / "found", sources);
  }
  [[nodiscard]] static std::vector<BssRow> measure(const StemTracks& tracks) {
    Progress silent;
    return evaluate_stems(tracks, kOptions, 0, silent);
  }

  support::TemporaryFolder folder_;
};

TEST_F(Stems, AreFoundByPathOrName) {
  for (const char* song : {"A - one", "B - two", "C - three"}) write_song(song);
  write_estimates("found/test/A - one", 0.1);  // MUSDB18's layout
  write_estimates("found/B - two", 0.2);       // Demucs's
  const StemTracks tracks = find();
  EXPECT_EQ(tracks.sources, (std::vector<std::string>{"bass", "drums"}));
  ASSERT_EQ(tracks.tracks.size(), 2U);
  EXPECT_EQ(tracks.missing, 1);
  EXPECT_EQ(tracks.tracks[1].name, "B - two");
  EXPECT_EQ(tracks.tracks[1].estimates[0], folder_ / "found" / "B - two" / "bass.wav");
  EXPECT_EQ(find({"drums"}).tracks[0].references.size(), 1U);
}

TEST_F(Stems, AreMeasuredAsInMemory) {
  write_song("A");
  write_estimates("found/A", 0.1);
  const std::vector<BssRow> rows = measure(find());
  const BssResult expected =
      bss_eval(torch::stack({bass(), drums()}),
               torch::stack({bass() + 0.1 * drums(), drums() + 0.1 * bass()}), kRate, kOptions);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_NEAR(rows[0].sdr.mean, median(expected.frames[0]).sdr, 1e-4) << "float32 files";
  EXPECT_NEAR(rows[1].sir.mean, median(expected.frames[1]).sir, 1e-4);
  EXPECT_EQ(rows[2].tracks, 2);
}

TEST_F(Stems, OfAnyFormatAndLengthFitTheReferences) {
  write_song("A");
  const torch::Tensor estimate = drums() + 0.1 * bass();
  write("found/A/drums.flac", torch::constant_pad_nd(estimate, {0, 500}), kRate, audio::Container::Flac,
        audio::SampleFormat::Int24);
  write("found/A/bass.wav", bass().narrow(1, 0, 12000));
  const std::vector<BssRow> rows = measure(find());
  const torch::Tensor cut = torch::constant_pad_nd(bass().narrow(1, 0, 12000), {0, 4000});
  const BssResult expected =
      bss_eval(torch::stack({bass(), drums()}), torch::stack({cut, estimate}), kRate, kOptions);
  EXPECT_NEAR(rows[1].sdr.mean, median(expected.frames[1]).sdr, 1e-2) << "24 bits";
  EXPECT_EQ(rows[0].tracks, 1);
}

TEST_F(Stems, SilentOnesAreCounted) {
  write_song("A");
  write("true/test/A/bass.wav", torch::zeros({2, 2 * kRate}));
  write_estimates("found/A", 0.1);
  const std::vector<BssRow> rows = measure(find());
  EXPECT_EQ(rows[0].silent, 1);
  EXPECT_EQ(rows[0].tracks, 0);
  EXPECT_EQ(rows[1].tracks, 1);
  EXPECT_EQ(rows[2].silent, 1);
}

TEST_F(Stems, OfOneFolder) {
  write("true/drums.wav", drums());
  write("true/bass.wav", bass());
  write_estimates("found", 0.1);
  EXPECT_EQ(find().tracks.size(), 1U);
  EXPECT_EQ(find_stem_tracks(folder_ / "true/", folder_ / "./found/").tracks.size(), 1U);
  EXPECT_EQ(measure(find())[2].tracks, 2);
}

TEST_F(Stems, RefusesWhatDoesNotFit) {
  write_song("A");
  write_estimates("found/other", 0.1);
  EXPECT_THAT([&] { (void)find(); }, ThrowsMessage<EvaluationError>(HasSubstr("no folder of stems")));
  write("found/A/drums.wav", drums());
  EXPECT_THAT([&] { (void)find(); },
              ThrowsMessage<EvaluationError>(AllOf(HasSubstr("bass.wav"), HasSubstr("--sources"))));
  write("found/A/bass.wav", bass(), 44100);
  EXPECT_THAT([&] { (void)measure(find()); },
              ThrowsMessage<EvaluationError>(AllOf(HasSubstr("bass.wav"), HasSubstr("44100 Hz"))));
  write("found/A/bass.wav", bass().narrow(0, 0, 1));
  EXPECT_THAT([&] { (void)measure(find()); }, ThrowsMessage<EvaluationError>(HasSubstr("1 channels")));
  write("found/A/bass.wav", bass());
  fs::resize_file(folder_ / "found/A/bass.wav", 50000);
  EXPECT_THAT([&] { (void)measure(find()); }, ThrowsMessage<audio::AudioError>(HasSubstr("bass.wav")));
}

}  // namespace
}  // namespace partita::evaluation
