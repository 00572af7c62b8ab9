#include "track_folder.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <string>

#include "midi.hpp"
#include "partita/audio/file.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/base/random.hpp"
#include "partita/io/atomic_file.hpp"
#include "random.hpp"

namespace partita::data {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kSamplesAWrite = 65536;
constexpr int kFlacLevel = 2;  // two thirds of the default level's time for a tenth more bytes

void write_flac(const fs::path& path, const std::vector<float>& samples) {
  audio::WriterOptions options{SoundFonts::kSampleRate, 1, audio::Container::Flac,
                               audio::SampleFormat::Int16};
  options.flac_level = kFlacLevel;
  audio::AudioWriter writer(path, options);
  const auto total = static_cast<std::int64_t>(samples.size());
  // LibTorch has no tensor of const data; the writer does not change it.
  auto* data = const_cast<float*>(samples.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  for (std::int64_t at = 0; at < total; at += kSamplesAWrite) {
    writer.write(torch::from_blob(data + at, {1, std::min(kSamplesAWrite, total - at)}));
    throw_if_interrupted();
  }
  writer.commit();
}

std::string stem_name(std::size_t index) { return fmt::format("S{:02}", index); }

/// Channels in turn, the drums' left out.
int channel_of(std::size_t index, const Stem& stem) {
  if (stem.drums) return kDrumChannel;
  const auto channel = static_cast<int>(index % 15);
  return channel < kDrumChannel ? channel : channel + 1;
}

MidiTrack midi_track(const Stem& stem, int channel) {
  MidiTrack track{stem.inst_class, {}};
  track.events.push_back({0, static_cast<std::uint8_t>(0xC0 | channel),
                          static_cast<std::uint8_t>(stem.patch.instrument.program), 0});
  for (MidiEvent event : stem.events) {
    event.status = static_cast<std::uint8_t>(event.kind() | channel);
    track.events.push_back(event);
  }
  return track;
}

void write_midi(const fs::path& folder, const Piece& piece) {
  MidiFile all{kTicksPerQuarter, piece.tempos, {}};
  for (std::size_t i = 0; i < piece.stems.size(); ++i) {
    all.tracks.push_back(midi_track(piece.stems[i], channel_of(i, piece.stems[i])));
    const MidiFile one{kTicksPerQuarter, piece.tempos, {all.tracks.back()}};
    io::write_file(folder / "MIDI" / (stem_name(i) + ".mid"), midi_bytes(one));
  }
  io::write_file(folder / "all_src.mid", midi_bytes(all));
}

template <class T>
void emit(YAML::Emitter& yaml, const std::string& key, const T& value) {
  yaml << YAML::Key << key << YAML::Value << value;
}

std::string rounded(double value, int digits) { return fmt::format("{:.{}f}", value, digits); }

void emit_stem(YAML::Emitter& yaml, const SoundFonts& fonts, const Stem& stem) {
  const Patch& patch = stem.patch;
  yaml << YAML::BeginMap;
  emit(yaml, "audio_rendered", true);
  emit(yaml, "inst_class", stem.inst_class);
  emit(yaml, "is_drum", stem.drums);
  emit(yaml, "midi_program_name", fonts.preset_name(patch.instrument));
  emit(yaml, "midi_saved", true);
  emit(yaml, "plugin_name", fonts.name(patch.instrument.font));
  emit(yaml, "program_num", patch.instrument.program);
  emit(yaml, "level_db", rounded(stem.level_db, 2));
  emit(yaml, "tuning_cents", rounded(patch.tuning, 1));
  emit(yaml, "brightness_cents", rounded(patch.brightness, 0));
  emit(yaml, "reverb_level", rounded(patch.reverb.level, 3));
  yaml << YAML::EndMap;
}

void emit_beats(YAML::Emitter& yaml, const Piece& piece) {
  emit(yaml, "tempo", rounded(piece.tempo, 3));
  emit(yaml, "first_beat", 0.0);  // songs begin with a beat
  if (piece.beats_per_bar > 0) emit(yaml, "beats_per_bar", piece.beats_per_bar);
  const TempoMap map({kTicksPerQuarter, piece.tempos, {}});
  yaml << YAML::Key << "tempos" << YAML::Value << YAML::BeginSeq;
  for (const auto& tempo : piece.tempos) {
    yaml << YAML::Flow << YAML::BeginSeq << rounded(map.seconds(tempo.tick), 6)
         << rounded(6e7 / static_cast<double>(tempo.microseconds), 3) << YAML::EndSeq;
  }
  yaml << YAML::EndSeq;
}

std::string metadata(const Piece& piece, const SoundFonts& fonts, const SongNumber& number) {
  Random names(derive_seed(number.seed, "uuid", static_cast<std::uint64_t>(number.song)));
  YAML::Emitter yaml;
  yaml << YAML::BeginMap;
  const std::uint64_t high = names.next();
  emit(yaml, "UUID", fmt::format("{:016x}{:016x}", high, names.next()));
  emit(yaml, "audio_dir", "stems");
  emit(yaml, "midi_dir", "MIDI");
  emit(yaml, "lmd_midi_dir", YAML::Null);
  emit(yaml, "normalized", false);
  emit(yaml, "sample_rate", SoundFonts::kSampleRate);
  for (const auto& [key, value] : piece.origin) emit(yaml, key, value);
  emit_beats(yaml, piece);
  emit(yaml, "seed", number.seed);
  emit(yaml, "song", number.song);
  emit(yaml, "draws", number.draws);
  yaml << YAML::Key << "stems" << YAML::Value << YAML::BeginMap;
  for (std::size_t i = 0; i < piece.stems.size(); ++i) {
    yaml << YAML::Key << stem_name(i) << YAML::Value;
    emit_stem(yaml, fonts, piece.stems[i]);
  }
  yaml << YAML::EndMap << YAML::EndMap;
  return std::string(yaml.c_str()) + "\n";
}

}  // namespace

void write_track(const fs::path& folder, const Piece& piece, const std::vector<float>& mix,
                 const SoundFonts& fonts, const SongNumber& number) {
  fs::create_directories(folder / "stems");
  fs::create_directories(folder / "MIDI");
  write_flac(folder / "mix.flac", mix);
  for (std::size_t i = 0; i < piece.stems.size(); ++i) {
    write_flac(folder / "stems" / (stem_name(i) + ".flac"), piece.stems[i].samples);
  }
  write_midi(folder, piece);
  io::write_file(folder / "metadata.yaml", metadata(piece, fonts, number));
}

}  // namespace partita::data
