#include "../../src/data/grooves.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "../../src/data/draft.hpp"
#include "partita/data/error.hpp"
#include "scratch.hpp"

namespace partita::data {
namespace {

TEST(Grooves, ListsWhatCanCarryASong) {
  const Scratch scratch;
  write_bytes(scratch / "lib/std/waltz.mma",
              "Time 3\nDefGroove Waltz  A waltz.\n  DefGroove WaltzIntro\nDefGroove WaltzFill\nTime 4\n"
              "DefGroove Waltz44\nDefGroove $(Macro)\nDefGroove WaltzEnd\n");
  write_bytes(scratch / "lib/std/metronome.mma", "DefGroove Metronome4\n");
  write_bytes(scratch / "lib/intro.mma", "DefGroove SongIntro\n");
  const std::vector<GrooveFile> files = list_grooves(scratch / "lib");
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].library, "std/waltz");
  ASSERT_EQ(files[0].main.size(), 2U);
  EXPECT_EQ(files[0].main[0].name, "Waltz");
  EXPECT_EQ(files[0].main[0].beats, 3);
  EXPECT_EQ(files[0].main[1].beats, 4);
  ASSERT_EQ(files[0].fills.size(), 1U);
  EXPECT_THROW((void)list_grooves(scratch / "lib/std/nothing"), std::exception);
  std::filesystem::create_directories(scratch / "empty");
  EXPECT_THROW((void)list_grooves(scratch / "empty"), DataError);
}

TEST(Grooves, FamiliesShareASplitWhichLargerSharesKeep) {
  EXPECT_EQ(split_of_groove("casio/8beat1", 0.3, 0.3), split_of_groove("pflib/8Beat2", 0.3, 0.3));
  std::map<Split, int> counts;
  for (int i = 0; i < 2000; ++i) {
    const std::string library = fmt::format("lib/groove{}x", i);
    const Split split = split_of_groove(library, 0.1, 0.1);
    ++counts[split];
    if (split != Split::Train) {
      EXPECT_EQ(split_of_groove(library, 0.2, 0.2), split);
    }
    EXPECT_EQ(split_of_groove(library, 0.0, 0.0), Split::Train);
  }
  EXPECT_NEAR(counts[Split::Validation], 200, 60);
  EXPECT_NEAR(counts[Split::Test], 200, 60);
}

TEST(Grooves, SongsFollowTheSharesFromTheStart) {
  for (const std::int64_t songs : {20, 100, 1000}) {
    std::map<Split, std::int64_t> counts;
    for (std::int64_t song = 0; song < songs; ++song) ++counts[split_of_song(song, 0.2, 0.1)];
    EXPECT_NEAR(static_cast<double>(counts[Split::Validation]), 0.2 * static_cast<double>(songs), 2.0);
    EXPECT_NEAR(static_cast<double>(counts[Split::Test]), 0.1 * static_cast<double>(songs), 2.0);
  }
}

TEST(Draft, IsDeterministicAndHasItsBars) {
  const GrooveFile file{"std/swing", {{"Swing", 4}, {"SwingSus", 4}}, {{"SwingFill", 4}}};
  std::set<std::string> texts;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Random first(seed);
    Random second(seed);
    const SongDraft draft = draw_song(first, file, 30.0);
    EXPECT_EQ(draft.text, draw_song(second, file, 30.0).text);
    EXPECT_GE(draft.tempo, 70);
    EXPECT_LE(draft.tempo, 170);
    EXPECT_NE(draft.text.find(fmt::format("\n{} ", draft.bars)), std::string::npos);
    EXPECT_EQ(draft.text.find(fmt::format("\n{} ", draft.bars + 1)), std::string::npos);
    const std::string with_bass = draft.with_parts(true, false);
    EXPECT_NE(with_bass.find("Begin Bass-Added"), std::string::npos);
    EXPECT_EQ(with_bass.find("Begin Chord-Added"), std::string::npos);
    texts.insert(draft.text);
  }
  EXPECT_EQ(texts.size(), 50U);
}

}  // namespace
}  // namespace partita::data
