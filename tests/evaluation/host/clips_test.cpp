#include "partita/evaluation/clips.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partita/audio/file.hpp"
#include "support/signals.hpp"
#include "support/temporary_folder.hpp"

namespace partita::evaluation {
namespace {

const std::vector<std::string> kSources{"drums", "bass"};

void write(const std::filesystem::path& path, const torch::Tensor& samples, int rate = 24000) {
  std::filesystem::create_directories(path.parent_path());
  audio::write_waveform(path, {samples.unsqueeze(0), rate}, audio::Container::Wav,
                        audio::SampleFormat::Float32);
}

/// "a" with a mixture of its own, "b" without, "c" with a third source.
void write_clips(const support::TemporaryFolder& folder) {
  const torch::Tensor drums = support::drums_like(0.5, 24000);
  const torch::Tensor bass = support::bass_like(0.5, 24000);
  for (const std::string name : {"a", "b", "c"}) {
    write(folder.path() / name / "drums.wav", drums);
    write(folder.path() / name / "bass.wav", bass.narrow(0, 0, 11000));
  }
  write(folder.path() / "a" / "mixture.wav", drums + 0.1);
  write(folder.path() / "a" / "drums.other.wav", 0.5 * drums.narrow(0, 0, 9000));
  write(folder.path() / "a" / "bass.other.wav", 0.5 * bass);
  write(folder.path() / "c" / "piano.wav", bass);
}

TEST(ClipsFromFolders, ReadsThoseThatHoldExactlyTheSources) {
  const support::TemporaryFolder folder;
  write_clips(folder);
  const std::vector<Clip> clips = clips_from_folders(folder.path(), kSources);
  ASSERT_EQ(clips.size(), 2U);
  EXPECT_EQ(clips[0].name, "a");
  EXPECT_EQ(clips[1].name, "b");
  for (const auto& clip : clips) {
    EXPECT_EQ(clip.sample_rate, 24000);
    EXPECT_EQ(clip.references.sizes(), (std::vector<std::int64_t>{2, 11000})) << "cut to the shortest";
    EXPECT_EQ(clip.mixture.size(0), 11000);
  }
  EXPECT_TRUE(torch::allclose(clips[0].mixture, clips[0].references[0] + 0.1));
  EXPECT_TRUE(torch::allclose(clips[1].mixture, clips[1].references.mean(0)));
}

TEST(ClipsFromFolders, ReadsOneFolderOfItsOwn) {
  const support::TemporaryFolder folder;
  write_clips(folder);
  EXPECT_EQ(clips_from_folders(folder.path() / "b", kSources).size(), 1U);
}

TEST(ClipsFromFolders, SaysWhenThereAreNone) {
  const support::TemporaryFolder folder;
  EXPECT_THROW((void)clips_from_folders(folder / "nowhere", kSources), EvaluationError);
  try {
    (void)clips_from_folders(folder.path(), kSources);
    FAIL() << "expected EvaluationError";
  } catch (const EvaluationError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("drums, bass"));
  }
}

TEST(FileSystem, ReadsEstimatesBesideTheClips) {
  const support::TemporaryFolder folder;
  write_clips(folder);
  const std::vector<Clip> clips = clips_from_folders(folder.path(), kSources);
  const System system = file_system(folder.path(), "other", kSources);
  const torch::Tensor estimates = system.separate(clips[0]);
  ASSERT_EQ(estimates.sizes(), clips[0].references.sizes());
  EXPECT_EQ(estimates[0].narrow(0, 9000, 2000).abs().max().item<double>(), 0.0) << "short ones end in zeros";
  EXPECT_TRUE(torch::allclose(estimates[1], 0.5 * clips[0].references[1]));
  EXPECT_THROW((void)system.separate(clips[1]), EvaluationError);
}

}  // namespace
}  // namespace partita::evaluation
