#include "../../src/data/midi.hpp"

#include <gtest/gtest.h>

#include "../../src/data/parts.hpp"
#include "../../src/data/random.hpp"
#include "partita/data/error.hpp"

namespace partita::data {
namespace {

MidiFile example() {
  MidiFile file;
  file.ticks_per_quarter = 960;
  file.tempos = {{0, 500000}, {1920, 250000}};
  file.tracks.push_back({"Drums", events_of({{0, 100, 36, 100}, {480, 500, 38, 90}, {480, 600, 36, 80}}, 9)});
  file.tracks.push_back({"Bass", {{0, 0xC1, 33, 0}}});
  for (const auto& event : events_of({{0, 200000, 40, 64}, {200000, 400000, 40, 1}}, 1)) {
    file.tracks.back().events.push_back(event);
  }
  return file;
}

std::string with_track(const std::string& body) {
  const auto size = static_cast<char>(body.size());
  return std::string("MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0", 21) + size + body;
}

TEST(Midi, RoundTripKeepsTracksTemposAndEvents) {
  EXPECT_EQ(parse_midi(midi_bytes(example()), "example"), [] {
    MidiFile expected = example();
    expected.tracks.insert(expected.tracks.begin(), MidiTrack{});  // the tempo track
    return expected;
  }());
}

TEST(Midi, RunningStatusAndSilentNoteOnEndANote) {
  const std::string body("\0\x90\x3C\x40\x60\x3C\0\0\xFF\x2F\0", 11);
  const MidiFile file = parse_midi(with_track(body), "running");
  ASSERT_EQ(file.tracks.size(), 1U);
  const std::vector<Note> notes = notes_of(file.tracks[0]);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0].start, 0);
  EXPECT_EQ(notes[0].end, 96);
  EXPECT_EQ(notes[0].key, 60);
}

TEST(Midi, TempoMapFollowsChanges) {
  const TempoMap tempo(example());
  EXPECT_DOUBLE_EQ(tempo.seconds(0), 0.0);
  EXPECT_NEAR(tempo.seconds(1920), 1.0, 1e-12);
  EXPECT_NEAR(tempo.seconds(3840), 1.5, 1e-12);
  EXPECT_NEAR(TempoMap(MidiFile{}).seconds(480), 0.5, 1e-12);  // 120 quarters a minute by default
}

TEST(Midi, NoteOfNoLengthEndsAfterItStarts) {
  const std::vector<MidiEvent> events = events_of({{10, 10, 60, 64}}, 0);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].kind(), 0x90);
  EXPECT_EQ(events[1].tick, 11);
}

TEST(Midi, RefusesWhatTheStandardDoesNotAllow) {
  const std::string good = midi_bytes(example());
  const std::string end("\0\xFF\x2F\0", 4);
  std::vector<std::string> bad{
      "",
      "MThd",
      "RIFF" + good.substr(4),
      good.substr(0, good.size() - 1),
      good + "x",
      with_track(std::string("\0\x3C\x40", 3) + end),            // no status
      with_track(std::string("\0\x90\x3C\x90", 4) + end),        // data byte too high
      with_track(std::string("\0\xF8", 2) + end),                // real-time status
      with_track(std::string("\xFF\xFF\xFF\xFF\x7F", 5) + end),  // delta time too long
      with_track(std::string("\0\xFF\x51\x03\0\0\0", 7) + end),  // tempo of zero
      with_track(end + "\1"),
      with_track(std::string("\0\x90\x3C\x40", 4))};
  for (std::size_t at : {9U, 11U, 12U}) {  // type 2, one track more, SMPTE time
    bad.push_back(good);
    bad.back()[at] = static_cast<char>(at == 12U ? 0xE7 : bad.back()[at] + 1);
  }
  for (std::size_t i = 0; i < bad.size(); ++i) {
    EXPECT_THROW((void)parse_midi(bad[i], "bad"), DataError) << "case " << i;
  }
}

TEST(Midi, DamagedBytesParseOrThrow) {
  const std::string good = midi_bytes(example());
  Random random(1);
  int refused = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string bytes = good;
    for (int change = random.integer(1, 4); change > 0; --change) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    if (random.chance(0.2)) bytes.resize(random.below(bytes.size()));
    try {
      const MidiFile file = parse_midi(bytes, "fuzz");
      for (const auto& track : file.tracks) (void)notes_of(track);
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(Parts, SortsTracksByNameChannelAndPitch) {
  MidiFile file;
  file.ticks_per_quarter = 960;
  file.tracks.push_back({"Drum", events_of({{0, 10, 36, 100}}, 9)});
  file.tracks.push_back({"Bass-Lead", events_of({{0, 10, 72, 100}, {20, 30, 74, 100}}, 1)});
  file.tracks.push_back({"Walk", events_of({{0, 10, 36, 100}}, 2)});
  file.tracks.push_back({"Melody", events_of({{0, 10, 80, 100}}, 3)});
  file.tracks.push_back({"Chord-Piano", events_of({{0, 10, 60, 100}, {0, 10, 64, 100}}, 4)});
  const Parts parts = sort_parts(file);
  ASSERT_EQ(parts.drums.size(), 1U);
  ASSERT_EQ(parts.bass.size(), 1U);
  EXPECT_EQ(parts.bass[0].key, 36);
  ASSERT_EQ(parts.chords.size(), 2U);
  EXPECT_EQ(parts.chords[0].key, 60);
}

TEST(Parts, MovesABassLineIntoItsOctave) {
  for (const auto& [key, expected] : {std::pair{50, 38}, {25, 37}, {38, 38}, {43, 43}, {52, 40}}) {
    MidiFile file;
    file.tracks.push_back({"Bass", events_of({{0, 10, key, 100}}, 1)});
    ASSERT_EQ(sort_parts(file).bass.size(), 1U);
    EXPECT_EQ(sort_parts(file).bass[0].key, expected);
  }
}

TEST(Parts, HumanisedNotesStayInRangeAndDoNotOverlap) {
  std::vector<Note> notes;
  for (int i = 0; i < 500; ++i) notes.push_back({i * 10, i * 10 + 25, 60 + i % 2, 1 + i % 127});
  Random random(3);
  const std::vector<Note> played = humanise(random, notes, {20.0, -15.0, 40.0, 1.3});
  std::int64_t end[128] = {};
  std::int64_t start = 0;
  for (const auto& note : played) {
    EXPECT_GE(note.velocity, 1);
    EXPECT_LE(note.velocity, 127);
    EXPECT_GT(note.end, note.start);
    EXPECT_GE(note.start, start);
    EXPECT_GE(note.start, end[note.key]);
    start = note.start;
    end[note.key] = note.end;
  }
  EXPECT_GT(played.size(), 400U);
}

}  // namespace
}  // namespace partita::data
