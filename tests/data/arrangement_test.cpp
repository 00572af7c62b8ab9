#include "../../src/data/arrangement.hpp"

#include <gtest/gtest.h>

#include "../../src/data/instrument_class.hpp"
#include "partita/data/error.hpp"

namespace partita::data {
namespace {

MidiTrack track_with(std::vector<MidiEvent> head, const std::vector<Note>& notes, int channel) {
  MidiTrack track{"", std::move(head)};
  for (const auto& event : events_of(notes, channel)) track.events.push_back(event);
  return track;
}

TEST(Arrangement, PartsFollowChannelsAndPrograms) {
  MidiFile file;
  MidiTrack mixed = track_with({{0, 0xC0, 33, 0}}, {{0, 10, 40, 90}, {20, 30, 41, 90}}, 0);
  mixed.events.push_back({40, 0xC0, 25, 0});  // the channel changes its program
  for (const auto& event : events_of({{50, 60, 64, 90}}, 0)) mixed.events.push_back(event);
  file.tracks.push_back(mixed);
  file.tracks.push_back(track_with({{0, 0xC9, 16, 0}}, {{0, 10, 36, 90}}, 9));
  file.tracks.push_back(track_with({{0, 0xB3, 7, 99}, {5, 0xB3, 10, 0}}, {}, 3));  // no notes: no part
  const std::vector<MidiPart> parts = parts_of(file);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].program, 25);
  EXPECT_EQ(parts[0].notes.size(), 1U);
  EXPECT_EQ(parts[1].program, 33);
  EXPECT_EQ(parts[1].notes.size(), 2U);
  EXPECT_TRUE(parts[2].drums);
  EXPECT_EQ(end_of(parts), 60);
}

TEST(Arrangement, ControlsOfAChannelReachItsPartsWhateverTheTrack) {
  MidiFile file;
  file.tracks.push_back({"", {{0, 0xB2, 7, 80}, {0, 0xB2, 91, 127}, {30, 0xE2, 0, 70}}});
  file.tracks.push_back(track_with({}, {{0, 10, 60, 90}}, 2));
  const std::vector<MidiPart> parts = parts_of(file);
  ASSERT_EQ(parts.size(), 1U);
  ASSERT_EQ(parts[0].controls.size(), 2U);  // volume and bend; the reverb is ours
  EXPECT_EQ(parts[0].controls[0], (MidiEvent{0, 0xB0, 7, 80}));
  EXPECT_EQ(parts[0].controls[1], (MidiEvent{30, 0xE0, 0, 70}));
}

TEST(Arrangement, ExcerptKeepsWhatWasSetBefore) {
  MidiPart part;
  part.notes = {{0, 100, 60, 90}, {120, 150, 62, 90}, {250, 260, 64, 90}};
  part.controls = {{0, 0xB0, 7, 80},  {10, 0xB0, 101, 0}, {10, 0xB0, 100, 0}, {10, 0xB0, 6, 12},
                   {50, 0xB0, 7, 90}, {130, 0xB0, 7, 70}, {300, 0xB0, 7, 1}};
  const MidiPart cut = excerpt(part, 110, 200);
  ASSERT_EQ(cut.notes.size(), 1U);
  EXPECT_EQ(cut.notes[0].start, 10);
  EXPECT_EQ(cut.notes[0].end, 40);
  const std::vector<MidiEvent> expected{
      {0, 0xB0, 7, 90}, {0, 0xB0, 101, 0}, {0, 0xB0, 100, 0}, {0, 0xB0, 6, 12}, {20, 0xB0, 7, 70}};
  EXPECT_EQ(cut.controls, expected);
  const std::vector<MidiTempo> tempos =
      excerpt(std::vector<MidiTempo>{{0, 400000}, {100, 300000}, {150, 200000}}, 110);
  EXPECT_EQ(tempos, (std::vector<MidiTempo>{{0, 300000}, {40, 200000}}));
  EXPECT_EQ(excerpt(std::vector<MidiTempo>{}, 5), (std::vector<MidiTempo>{{0, 500000}}));
}

TEST(Arrangement, ClassesAreSlakhs) {
  EXPECT_EQ(class_of_program(0), "Piano");
  EXPECT_EQ(class_of_program(31), "Guitar");
  EXPECT_EQ(class_of_program(39), "Bass");
  EXPECT_EQ(class_of_program(48), "Strings (continued)");
  EXPECT_EQ(class_of_program(127), "Sound Effects");
  EXPECT_THROW((void)class_of_program(128), DataError);
}

}  // namespace
}  // namespace partita::data
