#include "song.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "draft.hpp"
#include "midi.hpp"
#include "mma.hpp"
#include "partita/audio/file.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/base/random.hpp"
#include "partita/io/atomic_file.hpp"
#include "parts.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

constexpr int kTicksPerQuarter = 960;
constexpr int kMostDraws = 64;
constexpr double kCeiling = 0.95;       // highest peak of the mix and of every stem
constexpr double kSilence = 1e-5;       // RMS under which a stem is no stem
constexpr int kHighestKit = 47;         // above: orchestral percussion and effects
constexpr std::int64_t kBlock = 16384;  // samples a write

/// General MIDI basses 32 to 39: acoustic, fingered, picked, fretless, slap (two), synth (two).
constexpr std::array<double, 8> kBassWeights{2, 4, 3, 2, 0.7, 0.7, 1.5, 1.5};
constexpr int kFingerBass = 33;
/// General MIDI pianos 0 to 7: grand, bright, electric grand, honky-tonk, electric (two), harpsichord, clavi.
constexpr std::array<double, 8> kPianoWeights{4, 2, 2, 1, 2, 2, 0.7, 1};

struct Stem {
  std::string inst_class;
  Instrument instrument;
  std::vector<Note> notes;
  double level_db = -20.0;  ///< RMS before the mix is brought under full scale
  std::vector<float> samples;
  [[nodiscard]] bool is_drum() const { return instrument.bank == SoundFonts::kDrumBank; }
};

struct Song {
  SongDraft draft;
  std::vector<MidiTempo> tempos;
  std::vector<Stem> stems;
  Reverb reverb;
  bool added_bass = false;
  bool added_chords = false;
  int draws = 1;
};

/// Notes and tempos at our own resolution.
void rescale(MidiFile& file) {
  const auto scale = [&](std::int64_t tick) { return tick * kTicksPerQuarter / file.ticks_per_quarter; };
  for (auto& tempo : file.tempos) tempo.tick = scale(tempo.tick);
  for (auto& track : file.tracks) {
    for (auto& event : track.events) event.tick = scale(event.tick);
  }
  file.ticks_per_quarter = kTicksPerQuarter;
}

/// What MMA makes of a draft, with parts of our own where the groove lacks them; nothing when it
/// refuses or when a part does not carry the song.
std::optional<Parts> perform(Song& song, double seconds, const fs::path& work) {
  std::string refusal;
  const auto run = [&]() -> std::optional<Parts> {
    std::optional<MidiFile> file =
        run_mma(song.draft.with_parts(song.added_bass, song.added_chords), work, refusal);
    if (!file) return std::nullopt;
    rescale(*file);
    song.tempos = file->tempos;
    return sort_parts(*file);
  };
  const auto missing = [&](const std::vector<Note>& notes) {
    const TempoMap tempo({kTicksPerQuarter, song.tempos, {}});
    return !carries(notes, tempo, seconds);
  };
  std::optional<Parts> parts = run();
  if (!parts || missing(parts->drums)) return std::nullopt;
  song.added_bass = missing(parts->bass);
  song.added_chords = missing(parts->chords);
  if (song.added_bass || song.added_chords) parts = run();
  if (!parts || missing(parts->bass) || missing(parts->chords)) return std::nullopt;
  return parts;
}

Feel draw_feel(Random& random, int tempo) {
  const double ticks_per_second = tempo / 60.0 * kTicksPerQuarter;
  Feel feel;
  feel.jitter_ticks = random.uniform(0.0, 0.006) * ticks_per_second;
  feel.offset_ticks = random.uniform(-0.006, 0.010) * ticks_per_second;
  feel.velocity_spread = random.uniform(0.0, 8.0);
  feel.velocity_scale = random.uniform(0.85, 1.2);
  return feel;
}

Instrument draw_kit(Random& random, const SoundFonts& fonts, std::size_t font) {
  const std::vector<int> kits = fonts.programs(font, SoundFonts::kDrumBank);
  std::vector<double> weights;
  weights.reserve(kits.size());
  for (const int kit : kits) weights.push_back(kit == 0 ? 3.0 : (kit <= kHighestKit ? 1.0 : 0.0));
  const std::size_t drawn = random.weighted(weights);
  return {font, SoundFonts::kDrumBank, kits.empty() ? 0 : kits[drawn]};
}

/// The instruments of a song: drums, bass, piano.
std::array<Instrument, 3> draw_instruments(Random& random, const SoundFonts& fonts, std::size_t font,
                                           Timbres timbres) {
  if (timbres == Timbres::Plain) {
    return {Instrument{font, SoundFonts::kDrumBank, 0}, Instrument{font, 0, kFingerBass},
            Instrument{font, 0, 0}};
  }
  const Instrument kit = draw_kit(random, fonts, font);
  const Instrument bass{font, 0, 32 + static_cast<int>(random.weighted(kBassWeights))};
  const Instrument piano{font, 0, static_cast<int>(random.weighted(kPianoWeights))};
  return {kit, bass, piano};
}

void draw_stems(Random& random, const SoundFonts& fonts, Song& song, Parts parts, Timbres timbres) {
  const std::size_t font = random.below(fonts.size());
  const auto stem = [&](const char* name, const Instrument& instrument, std::vector<Note> notes,
                        double level) {
    const Feel feel = draw_feel(random, song.draft.tempo);
    song.stems.push_back({name,
                          instrument,
                          humanise(random, std::move(notes), feel),
                          level + 2.5 * std::clamp(random.bell(), -2.0, 2.0),
                          {}});
  };
  const auto [kit, bass, piano] = draw_instruments(random, fonts, font, timbres);
  stem("Drums", kit, std::move(parts.drums), -19.0);
  stem("Bass", bass, std::move(parts.bass), -20.0);
  stem("Piano", piano, std::move(parts.chords), -23.0);
  if (timbres == Timbres::Varied && random.chance(0.5))
    song.reverb = {random.uniform(0.05, 0.4), random.uniform(0.1, 0.6)};
}

double rms(const std::vector<float>& samples) {
  double sum = 0.0;
  for (const float sample : samples) sum += static_cast<double>(sample) * sample;
  return std::sqrt(sum / static_cast<double>(samples.size()));
}

double peak(const std::vector<float>& samples) {
  float highest = 0.0F;
  for (const float sample : samples) highest = std::max(highest, std::abs(sample));
  return highest;
}

void scale(std::vector<float>& samples, double factor) {
  for (float& sample : samples) sample = static_cast<float>(sample * factor);
}

std::vector<float> sum_of(const std::vector<Stem>& stems) {
  std::vector<float> mix(stems.front().samples.size());
  for (const auto& stem : stems) {
    for (std::size_t i = 0; i < mix.size(); ++i) mix[i] += stem.samples[i];
  }
  return mix;
}

/// Plays the stems at their levels and returns the mix; nothing when a stem is silent.
std::optional<std::vector<float>> play(const SoundFonts& fonts, Song& song, std::int64_t samples) {
  const TempoMap tempo({kTicksPerQuarter, song.tempos, {}});
  for (auto& stem : song.stems) {
    std::vector<SoundEvent> events;
    for (const auto& event : events_of(stem.notes, 0)) {
      events.push_back(
          {std::llround(tempo.seconds(event.tick) * SoundFonts::kSampleRate), event.data1, event.data2});
    }
    stem.samples = fonts.play(stem.instrument, song.reverb, events, samples);
    const double loudness = rms(stem.samples);
    if (loudness < kSilence) return std::nullopt;
    scale(stem.samples, std::pow(10.0, stem.level_db / 20.0) / loudness);
  }
  std::vector<float> mix = sum_of(song.stems);
  double highest = peak(mix);
  for (const auto& stem : song.stems) highest = std::max(highest, peak(stem.samples));
  if (highest > kCeiling) {
    for (auto& stem : song.stems) scale(stem.samples, kCeiling / highest);
    mix = sum_of(song.stems);
  }
  return mix;
}

void write_flac(const fs::path& path, std::vector<float>& samples) {
  audio::AudioWriter writer(path,
                            {SoundFonts::kSampleRate, 1, audio::Container::Flac, audio::SampleFormat::Int16});
  const auto total = static_cast<std::int64_t>(samples.size());
  for (std::int64_t at = 0; at < total; at += kBlock) {
    writer.write(torch::from_blob(samples.data() + at, {1, std::min(kBlock, total - at)}));
    throw_if_interrupted();
  }
  writer.commit();
}

std::string stem_name(std::size_t index) { return fmt::format("S{:02}", index); }

MidiTrack track_of(const Stem& stem, int channel) {
  MidiTrack track{stem.inst_class, {}};
  track.events.push_back(
      {0, static_cast<std::uint8_t>(0xC0 | channel), static_cast<std::uint8_t>(stem.instrument.program), 0});
  const std::vector<MidiEvent> events = events_of(stem.notes, channel);
  track.events.insert(track.events.end(), events.begin(), events.end());
  return track;
}

void write_midi(const fs::path& folder, const Song& song) {
  MidiFile all{kTicksPerQuarter, song.tempos, {}};
  for (std::size_t i = 0; i < song.stems.size(); ++i) {
    const Stem& stem = song.stems[i];
    all.tracks.push_back(track_of(stem, stem.is_drum() ? 9 : static_cast<int>(i)));
    const MidiFile one{kTicksPerQuarter, song.tempos, {all.tracks.back()}};
    io::write_file(folder / "MIDI" / (stem_name(i) + ".mid"), midi_bytes(one));
  }
  io::write_file(folder / "all_src.mid", midi_bytes(all));
}

void emit_stem(YAML::Emitter& yaml, const SoundFonts& fonts, const Stem& stem) {
  yaml << YAML::BeginMap;
  yaml << YAML::Key << "audio_rendered" << YAML::Value << true;
  yaml << YAML::Key << "inst_class" << YAML::Value << stem.inst_class;
  yaml << YAML::Key << "is_drum" << YAML::Value << stem.is_drum();
  yaml << YAML::Key << "midi_program_name" << YAML::Value << fonts.preset_name(stem.instrument);
  yaml << YAML::Key << "midi_saved" << YAML::Value << true;
  yaml << YAML::Key << "plugin_name" << YAML::Value << fonts.name(stem.instrument.font);
  yaml << YAML::Key << "program_num" << YAML::Value << stem.instrument.program;
  yaml << YAML::Key << "rms_db" << YAML::Value << fmt::format("{:.2f}", 20.0 * std::log10(rms(stem.samples)));
  yaml << YAML::EndMap;
}

std::string metadata(const RenderOptions& options, std::int64_t number, const SoundFonts& fonts,
                     const Song& song) {
  Random names(derive_seed(options.seed, "uuid", static_cast<std::uint64_t>(number)));
  YAML::Emitter yaml;
  yaml << YAML::BeginMap;
  const std::uint64_t high = names.next();
  yaml << YAML::Key << "UUID" << YAML::Value << fmt::format("{:016x}{:016x}", high, names.next());
  yaml << YAML::Key << "audio_dir" << YAML::Value << "stems";
  yaml << YAML::Key << "midi_dir" << YAML::Value << "MIDI";
  yaml << YAML::Key << "lmd_midi_dir" << YAML::Value << YAML::Null;
  yaml << YAML::Key << "normalized" << YAML::Value << false;
  yaml << YAML::Key << "sample_rate" << YAML::Value << SoundFonts::kSampleRate;
  yaml << YAML::Key << "groove_library" << YAML::Value << song.draft.library;
  yaml << YAML::Key << "groove" << YAML::Value << song.draft.groove.name;
  yaml << YAML::Key << "second_groove" << YAML::Value << song.draft.second.name;
  yaml << YAML::Key << "key" << YAML::Value << name_of(song.draft.key);
  yaml << YAML::Key << "tempo" << YAML::Value << song.draft.tempo;
  yaml << YAML::Key << "bars" << YAML::Value << song.draft.bars;
  yaml << YAML::Key << "added_bass" << YAML::Value << song.added_bass;
  yaml << YAML::Key << "added_chords" << YAML::Value << song.added_chords;
  yaml << YAML::Key << "reverb_level" << YAML::Value << fmt::format("{:.3f}", song.reverb.level);
  yaml << YAML::Key << "seed" << YAML::Value << options.seed;
  yaml << YAML::Key << "song" << YAML::Value << number;
  yaml << YAML::Key << "draws" << YAML::Value << song.draws;
  yaml << YAML::Key << "stems" << YAML::Value << YAML::BeginMap;
  for (std::size_t i = 0; i < song.stems.size(); ++i) {
    yaml << YAML::Key << stem_name(i) << YAML::Value;
    emit_stem(yaml, fonts, song.stems[i]);
  }
  yaml << YAML::EndMap << YAML::EndMap;
  return std::string(yaml.c_str()) + "\n";
}

void write_song(const RenderOptions& options, std::int64_t number, const SoundFonts& fonts, Song& song,
                std::vector<float>& mix, const fs::path& folder) {
  fs::create_directories(folder / "stems");
  fs::create_directories(folder / "MIDI");
  write_flac(folder / "mix.flac", mix);
  for (std::size_t i = 0; i < song.stems.size(); ++i) {
    write_flac(folder / "stems" / (stem_name(i) + ".flac"), song.stems[i].samples);
  }
  write_midi(folder, song);
  io::write_file(folder / "metadata.yaml", metadata(options, number, fonts, song));
}

}  // namespace

fs::path song_folder(const RenderOptions& options, std::int64_t song) {
  const Split split = split_of_song(song, options.validation, options.test);
  return options.output / name_of(split) / fmt::format("Track{:05}", song + 1);
}

fs::path unfinished_folder(const fs::path& folder) {
  return folder.parent_path() / fmt::format(".{}.part", folder.filename().string());
}

void render_song(const RenderOptions& options, std::int64_t song, const GroovesBySplit& grooves,
                 const SoundFonts& fonts) {
  const fs::path folder = song_folder(options, song);
  const fs::path unfinished = unfinished_folder(folder);
  const fs::path work = unfinished / "work";
  fs::remove_all(unfinished);
  fs::create_directories(work);
  const auto& files = grooves.at(split_of_song(song, options.validation, options.test));
  const auto samples = static_cast<std::int64_t>(std::llround(options.seconds * SoundFonts::kSampleRate));
  Random random(derive_seed(options.seed, "song", static_cast<std::uint64_t>(song)));
  for (int draw = 1; draw <= kMostDraws; ++draw) {
    Song piece;
    piece.draws = draw;
    piece.draft = draw_song(random, random.pick(files), options.seconds);
    std::optional<Parts> parts = perform(piece, options.seconds, work);
    if (!parts) continue;
    draw_stems(random, fonts, piece, std::move(*parts), options.timbres);
    std::optional<std::vector<float>> mix = play(fonts, piece, samples);
    if (!mix) continue;
    write_song(options, song, fonts, piece, *mix, unfinished);
    fs::remove_all(work);
    fs::rename(unfinished, folder);
    return;
  }
  fs::remove_all(unfinished);
  fail<DataError>("song {}: MMA refused {} draws in a row; does 'mma' work, and are its libraries whole?",
                  song, kMostDraws);
}

}  // namespace partita::data
