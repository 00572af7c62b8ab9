#include "partita/data/render.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>
#include <tuple>

#include "../../../src/data/grooves.hpp"
#include "../../../src/data/midi.hpp"
#include "../scratch.hpp"
#include "partita/audio/file.hpp"
#include "partita/base/interrupt.hpp"

namespace partita::data {
namespace {

namespace fs = std::filesystem;

bool mma_installed() { return std::system("command -v mma > /dev/null 2>&1") == 0; }

RenderOptions short_songs(const fs::path& output) {
  RenderOptions options;
  options.output = output;
  options.songs = 3;
  options.seconds = 4.0;
  options.seed = 5;
  options.workers = 1;
  options.validation = 0.35;
  options.test = 0.35;
  options.soundfonts = {"/usr/share/sounds/sf2/TimGM6mb.sf2"};
  return options;
}

/// Renders with MMA and a small SoundFont; skips where they are not installed.
class Render : public testing::Test {
 protected:
  void SetUp() override {
    if (!mma_installed()) GTEST_SKIP() << "mma is not installed";
    if (!fs::exists(short_songs({}).soundfonts.front()))
      GTEST_SKIP() << "timgm6mb-soundfont is not installed";
  }
  Progress silent_;
};

std::vector<fs::path> tracks_of(const fs::path& output) {
  std::vector<fs::path> tracks;
  for (const char* split : {"train", "validation", "test"}) {
    if (!fs::exists(output / split)) continue;
    for (const auto& entry : fs::directory_iterator(output / split)) tracks.push_back(entry.path());
  }
  return tracks;
}

void check_track(const fs::path& track, double seconds) {
  const audio::Waveform mix = audio::read_waveform(track / "mix.flac");
  EXPECT_EQ(mix.sample_rate, 44100);
  EXPECT_EQ(mix.samples.size(0), 1);
  EXPECT_EQ(mix.samples.size(1), static_cast<std::int64_t>(seconds * 44100));
  EXPECT_LT(mix.samples.abs().max().item<float>(), 0.96F);
  const YAML::Node metadata = YAML::LoadFile((track / "metadata.yaml").string());
  EXPECT_EQ(metadata["UUID"].as<std::string>().size(), 32U);
  EXPECT_TRUE(metadata["lmd_midi_dir"].IsNull());
  EXPECT_EQ(metadata["first_beat"].as<double>(), 0.0);
  EXPECT_NEAR(metadata["tempos"][0][1].as<double>(), metadata["tempo"].as<double>(), 0.01);
  torch::Tensor sum = torch::zeros_like(mix.samples);
  std::set<std::string> classes;
  for (const auto& stem : metadata["stems"]) {
    const auto name = stem.first.as<std::string>();
    const auto inst_class = stem.second["inst_class"].as<std::string>();
    classes.insert(inst_class);
    EXPECT_EQ(stem.second["is_drum"].as<bool>(), inst_class == "Drums");
    EXPECT_TRUE(stem.second["audio_rendered"].as<bool>());
    EXPECT_FALSE(stem.second["midi_program_name"].as<std::string>().empty());
    const torch::Tensor samples = audio::read_waveform(track / "stems" / (name + ".flac")).samples;
    EXPECT_GT(samples.square().mean().sqrt().item<double>(), 1e-3) << name;
    sum += samples;
    const MidiFile midi = parse_midi(bytes_of(track / "MIDI" / (name + ".mid")), name);
    ASSERT_EQ(midi.tracks.size(), 2U);
    EXPECT_FALSE(notes_of(midi.tracks[1]).empty());
  }
  EXPECT_EQ(classes, (std::set<std::string>{"Bass", "Drums", "Piano"}));
  // Each of the three stems and the mix is rounded to 16 bits by at most one LSB.
  EXPECT_LE((sum - mix.samples).abs().max().item<double>(), 4.0 / 32768.0);
  EXPECT_EQ(parse_midi(bytes_of(track / "all_src.mid"), "all").tracks.size(), 4U);
}

TEST_F(Render, SameBytesWithOneAndTwoWorkersAndResumes) {
  const Scratch scratch;
  RenderOptions options = short_songs(scratch / "one");
  render(options, silent_);
  const auto tracks = tracks_of(scratch / "one");
  ASSERT_EQ(tracks.size(), 3U);
  for (const auto& track : tracks) check_track(track, options.seconds);
  const auto bytes = tree_of(scratch / "one");

  options.output = scratch / "two";
  options.workers = 2;
  options.songs = 2;  // then one more: a longer data set begins with the shorter one
  render(options, silent_);
  const auto first = fs::last_write_time(tracks_of(scratch / "two").front());
  options.songs = 3;
  render(options, silent_);
  EXPECT_EQ(fs::last_write_time(tracks_of(scratch / "two").front()), first);
  EXPECT_TRUE(tree_of(scratch / "two") == bytes);

  fs::remove_all(tracks[1]);
  options.output = scratch / "one";
  render(options, silent_);
  EXPECT_TRUE(tree_of(scratch / "one") == bytes);
}

std::set<std::string> fonts_of(const fs::path& split) {
  std::set<std::string> fonts;
  for (const auto& track : fs::directory_iterator(split)) {
    const YAML::Node metadata = YAML::LoadFile((track.path() / "metadata.yaml").string());
    for (const auto& stem : metadata["stems"]) fonts.insert(stem.second["plugin_name"].as<std::string>());
  }
  return fonts;
}

TEST_F(Render, HeldOutSoundFontsAreHeardInTheTestSplitAlone) {
  const Scratch scratch;
  // The same font by a name that is not known to share its recordings.
  fs::copy_file("/usr/share/sounds/sf2/TimGM6mb.sf2", scratch / "Other.sf2");
  RenderOptions options = short_songs(scratch / "out");
  options.soundfonts = {(scratch / "Other.sf2").string()};
  options.held_out_soundfonts = {"/usr/share/sounds/sf2/TimGM6mb.sf2"};
  const RenderReport report = render(options, silent_);
  EXPECT_EQ(report.held_out_soundfonts, options.held_out_soundfonts);
  EXPECT_EQ(fonts_of(options.output / "train"), std::set<std::string>{"Other.sf2"});
  EXPECT_EQ(fonts_of(options.output / "validation"), std::set<std::string>{"Other.sf2"});
  EXPECT_EQ(fonts_of(options.output / "test"), std::set<std::string>{"TimGM6mb.sf2"});
  const YAML::Node recipe = YAML::LoadFile((options.output / "render.yaml").string());
  EXPECT_EQ(recipe["held_out_soundfonts"][0].as<std::string>(), "TimGM6mb.sf2");
}

/// A song of drums, bass, organ and a violin that plays little, at 90 quarters a minute, then 150.
std::string band(int type, int transpose) {
  MidiFile file;
  file.ticks_per_quarter = 96;
  file.tempos = {{0, 666667}, {96 * 8, 400000}};
  const std::vector<std::tuple<const char*, int, int, int>> instruments{
      {"Kit", 9, 0, 36}, {"Low", 0, 34, 40}, {"Keys", 1, 19, 60}, {"Solo", 2, 40, 76}};
  for (const auto& [name, channel, program, key] : instruments) {
    std::vector<Note> notes;
    const int count = channel == 2 ? 2 : 24;
    for (int i = 0; i < count; ++i) notes.push_back({96 * i, 96 * i + 90, key + transpose + i % 3, 90});
    MidiTrack track{name,
                    {{0, static_cast<std::uint8_t>(0xC0 | channel), static_cast<std::uint8_t>(program), 0}}};
    for (const auto& event : events_of(notes, channel)) track.events.push_back(event);
    file.tracks.push_back(track);
  }
  if (type == 1) return midi_bytes(file);
  MidiTrack one;
  for (const auto& track : file.tracks)
    one.events.insert(one.events.end(), track.events.begin(), track.events.end());
  std::stable_sort(one.events.begin(), one.events.end(),
                   [](const MidiEvent& a, const MidiEvent& b) { return a.tick < b.tick; });
  // Without its track of tempos a file of one track is one of type 0, at 120 quarters a minute.
  std::string bytes = midi_bytes({96, {}, {one}});
  bytes.erase(14, 12);
  bytes[9] = 0;
  bytes[11] = 1;
  return bytes;
}

TEST_F(Render, PlaysMidiFilesAndCountsThoseItCannot) {
  const Scratch scratch;
  RenderOptions options = short_songs(scratch / "out");
  options.midi = scratch / "midi";
  for (int i = 0; i < 6; ++i) write_bytes(options.midi / fmt::format("deep/song{}.mid", i), band(i % 2, i));
  write_bytes(options.midi / "copy.MID", band(0, 0));
  write_bytes(options.midi / "broken.mid", band(1, 0).substr(0, 200));
  write_bytes(options.midi / "empty.mid", midi_bytes({96, {}, {MidiTrack{}}}));
  write_bytes(options.midi / "text.txt", "not looked at");
  const RenderReport report = render(options, silent_);
  EXPECT_EQ(report.midi_files, 6);
  EXPECT_EQ(report.midi_skipped, 3);
  std::set<std::string> heard;
  for (const auto& track : tracks_of(options.output)) {
    const YAML::Node metadata = YAML::LoadFile((track / "metadata.yaml").string());
    EXPECT_TRUE(heard.insert(metadata["midi_file"].as<std::string>()).second) << "a file in two songs";
    std::set<std::string> classes;
    torch::Tensor sum;
    for (const auto& stem : metadata["stems"]) {
      classes.insert(stem.second["inst_class"].as<std::string>());
      const auto file = track / "stems" / (stem.first.as<std::string>() + ".flac");
      const torch::Tensor samples = audio::read_waveform(file).samples;
      sum = sum.defined() ? sum + samples : samples;
    }
    EXPECT_TRUE(classes.count("Drums") == 1 && classes.count("Bass") == 1 && classes.count("Organ") == 1);
    const audio::Waveform mix = audio::read_waveform(track / "mix.flac");
    EXPECT_EQ(mix.samples.size(1), static_cast<std::int64_t>(options.seconds * 44100));
    EXPECT_LE((sum - mix.samples).abs().max().item<double>(), 5.0 / 32768.0);  // a LSB each
    const double tempo = metadata["tempo"].as<double>();
    EXPECT_TRUE(std::abs(tempo - 90.0) < 0.01 || std::abs(tempo - 150.0) < 0.01 || tempo == 120.0) << tempo;
  }
  EXPECT_EQ(heard.size(), 3U);
}

TEST_F(Render, GroovesOfSplitsDiffer) {
  std::map<Split, std::set<std::string>> libraries;
  for (const auto& file : list_grooves(groove_folder())) {
    libraries[split_of_groove(file.library, 0.1, 0.1)].insert(file.library);
  }
  EXPECT_GT(libraries[Split::Train].size(), 100U);
  EXPECT_GT(libraries[Split::Validation].size(), 10U);
  EXPECT_GT(libraries[Split::Test].size(), 10U);
}

TEST_F(Render, RefusesOtherOptionsInABegunFolder) {
  const Scratch scratch;
  RenderOptions options = short_songs(scratch / "out");
  options.songs = 1;
  options.seconds = 2.0;
  render(options, silent_);
  options.seed = 6;
  EXPECT_THROW(render(options, silent_), DataError);
}

TEST_F(Render, RefusesNonsense) {
  const Scratch scratch;
  const auto refused = [&](auto change) {
    RenderOptions options = short_songs(scratch / "out");
    change(options);
    EXPECT_THROW(render(options, silent_), Error);
    EXPECT_TRUE(!fs::exists(options.output) || tracks_of(options.output).empty());
  };
  refused([](RenderOptions& options) { options.songs = 0; });
  refused([](RenderOptions& options) { options.seconds = -1.0; });
  refused([](RenderOptions& options) { options.validation = 0.9; });
  refused([](RenderOptions& options) { options.workers = -2; });
  refused([](RenderOptions& options) { options.soundfonts = {"nothing.sf2"}; });
  refused([](RenderOptions& options) {  // copies of one family, and nothing to train on
    options.soundfonts = {"/usr/share/sounds/sf2/sf_GMbank.sf2"};
    options.held_out_soundfonts = {"/usr/share/sounds/sf2/TimGM6mb.sf2"};
  });
  refused([](RenderOptions& options) { std::swap(options.soundfonts, options.held_out_soundfonts); });
  refused([&](RenderOptions& options) { options.midi = scratch / "nothing"; });
  write_bytes(scratch / "midi/broken.mid", "MThd");
  refused([&](RenderOptions& options) { options.midi = scratch / "midi"; });
  write_bytes(scratch / "text.sf2", "no sound font");
  refused([&](RenderOptions& options) { options.soundfonts = {(scratch / "text.sf2").string()}; });
}

TEST_F(Render, InterruptLeavesNoUnfinishedTrack) {
  const Scratch scratch;
  const RenderOptions options = short_songs(scratch / "out");
  request_interrupt();
  EXPECT_THROW(render(options, silent_), Interrupted);
  request_interrupt(false);
  EXPECT_TRUE(tracks_of(options.output).empty());
}

}  // namespace
}  // namespace partita::data
