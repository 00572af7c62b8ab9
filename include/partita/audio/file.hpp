#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "partita/audio/error.hpp"

namespace partita::audio {

/// A waveform `[channel, sample]`, float32, full scale ±1, with its rate in Hz.
struct Waveform {
  torch::Tensor samples;
  int sample_rate = 0;
};

/// What a file says of itself.
struct FileInfo {
  int sample_rate = 0;
  int channels = 0;
  std::int64_t frames = 0;  ///< samples per channel; an estimate for MP3 until read
  int bits = 0;             ///< 16, 24, 32 (float); 0 for lossy formats
  std::string format;       ///< "wav", "flac", "ogg", "mp3", ...
};

/// Reads an audio file (WAV, FLAC, OGG, MP3, AIFF: whatever libsndfile reads) block by block.
/// Opening throws AudioError with one clear line for a missing file, a directory, an empty file,
/// a file that is no audio, unusable headers, and WAV, AIFF and OGG files that end before their own
/// structure says so.
class AudioReader {
 public:
  explicit AudioReader(const std::filesystem::path& path);
  ~AudioReader();
  AudioReader(AudioReader&&) noexcept;
  AudioReader& operator=(AudioReader&&) noexcept;

  [[nodiscard]] const FileInfo& info() const;
  [[nodiscard]] const std::filesystem::path& path() const;
  /// The next at most `frames` samples `[channel, n]`; n = 0 at the end. Throws AudioError when
  /// the file ends before its header says so (truncated) and when a sample is NaN or infinite,
  /// naming its position.
  torch::Tensor read(std::int64_t frames);
  /// Moves to a sample position.
  void seek(std::int64_t frame);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

enum class SampleFormat { Int16, Int24, Float32 };
enum class Container { Wav, Flac, Mp3 };
/// What to do with samples beyond full scale in integer output.
enum class ClipMode { None, Clamp, Rescale };

struct WriterOptions {
  int sample_rate = 44100;
  int channels = 2;
  Container container = Container::Wav;
  SampleFormat format = SampleFormat::Int16;  ///< ignored for MP3; Flac takes Int16 or Int24
  int flac_level = 5;                         ///< 0: fastest, 8: smallest
};

/// File name extension, without the dot.
[[nodiscard]] std::string extension(Container container);

/// Writes an audio file block by block; it appears under its name at `commit` only. Samples
/// beyond full scale (|x| > 1) saturate in integer formats and MP3; `clipped()` counts them. 16-bit
/// samples are round(32768 x), 24-bit round(8388608 x): what was read is written back bit for bit. Throws
/// AudioError for an unwritable place, a full disk, and combinations a container lacks (MP3 with more than
/// two channels, FLAC with more than eight, WAV beyond 4 GiB becomes RF64).
class AudioWriter {
 public:
  AudioWriter(const std::filesystem::path& path, const WriterOptions& options);
  ~AudioWriter();
  AudioWriter(AudioWriter&&) noexcept;

  /// `[channel, n]` float32.
  void write(const torch::Tensor& samples);
  [[nodiscard]] std::int64_t clipped() const;
  void commit();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Whether a name ends like that of an audio file, in either case: .wav, .flac, .ogg, .mp3, .aif, .aiff.
[[nodiscard]] bool has_audio_extension(const std::filesystem::path& path);
/// The audio files in a folder and all below it, by their extensions, in the order of their names; hidden
/// ones are left out. Throws AudioError if there is no such folder.
[[nodiscard]] std::vector<std::filesystem::path> audio_files(const std::filesystem::path& folder);

/// A whole (short) file; `seconds` limits it, 0 reads all.
[[nodiscard]] Waveform read_waveform(const std::filesystem::path& path, double seconds = 0.0);
void write_waveform(const std::filesystem::path& path, const Waveform& waveform, Container container,
                    SampleFormat format);

}  // namespace partita::audio
