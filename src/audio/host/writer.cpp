#include <sndfile.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "host/output_file.hpp"
#include "host/sndfile.hpp"
#include "partita/audio/file.hpp"
#include "partita/io/atomic_file.hpp"
#include "partita/io/error.hpp"

namespace partita::audio {
namespace {

constexpr std::int64_t kEncoded = 65536;
constexpr std::array kMp3Rates{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000};

void require_valid(const std::filesystem::path& path, const WriterOptions& options) {
  const std::string name = path.string();
  const int most = options.container == Container::Mp3    ? 2
                   : options.container == Container::Flac ? 8
                                                          : kMostChannels;
  if (options.channels < 1 || options.channels > most) {
    fail<AudioError>("{}: a {} file has 1 to {} channels, {} were asked for; choose another format", name,
                     extension(options.container), most, options.channels);
  }
  if (options.sample_rate < 1 || options.sample_rate > kHighestRate) {
    fail<AudioError>("{}: a sample rate of 1 to {} Hz was expected, found {}", name, kHighestRate,
                     options.sample_rate);
  }
  if (options.container == Container::Flac && options.format == SampleFormat::Float32) {
    fail<AudioError>("{}: flac holds 16 or 24-bit samples, float was asked for; choose wav", name);
  }
  if (options.flac_level < 0 || options.flac_level > 8) {
    fail<AudioError>("{}: a flac level of 0 to 8 was expected, found {}", name, options.flac_level);
  }
  if (options.container == Container::Mp3 &&
      std::ranges::find(kMp3Rates, options.sample_rate) == kMp3Rates.end()) {
    fail<AudioError>(
        "{}: mp3 has no sample rate of {} Hz (8, 11.025, 12, 16, 22.05, 24, 32, 44.1 or 48 kHz); "
        "choose another format",
        name, options.sample_rate);
  }
}

int sndfile_format(const WriterOptions& options) {
  if (options.container == Container::Mp3) {
    return SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III;
  }
  const int container = options.container == Container::Flac ? SF_FORMAT_FLAC : SF_FORMAT_RF64;
  switch (options.format) {
    case SampleFormat::Int16:
      return container | SF_FORMAT_PCM_16;
    case SampleFormat::Int24:
      return container | SF_FORMAT_PCM_24;
    case SampleFormat::Float32:
      break;
  }
  return container | SF_FORMAT_FLOAT;
}

io::AtomicFile make_file(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) {
    fail<AudioError>("{}: cannot be written: a folder of that name exists", path.string());
  }
  try {
    return io::AtomicFile(path);
  } catch (const io::IoError& error) {
    fail<AudioError>("{}", error.what());
  }
}

/// Samples that are NaN or infinite, and those beyond full scale.
struct Census {
  std::int64_t broken = 0;
  std::int64_t loud = 0;
};

/// One pass over the bit patterns, whose order is that of the magnitudes.
Census census_of(const float* samples, std::int64_t count) {
  constexpr auto infinity = std::bit_cast<std::uint32_t>(std::numeric_limits<float>::infinity());
  constexpr auto full_scale = std::bit_cast<std::uint32_t>(1.0F);
  Census census;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(samples[i]) & 0x7FFFFFFFU;
    census.broken += magnitude >= infinity ? 1 : 0;
    census.loud += magnitude > full_scale ? 1 : 0;
  }
  return census;
}

}  // namespace

std::string extension(Container container) {
  switch (container) {
    case Container::Flac:
      return "flac";
    case Container::Mp3:
      return "mp3";
    case Container::Wav:
      break;
  }
  return "wav";
}

struct AudioWriter::Impl {
  WriterOptions options;
  // Torn down in reverse: libsndfile, the descriptor, the temporary file.
  io::AtomicFile file;
  OutputFile output;
  SndfileHandle handle;
  std::int64_t frames = 0;
  std::int64_t clipped = 0;
  std::vector<int> integers;

  Impl(const std::filesystem::path& path, const WriterOptions& writer_options)
      : options(writer_options), file(make_file(path)), output(file.temporary()) {}

  void open();
  void configure();
  void write_block(torch::Tensor& interleaved);
  void to_integers(const float* samples, std::int64_t count);
  [[noreturn]] void fail_write(const char* reason) const;
};

void AudioWriter::Impl::open() {
  if (output.error() != 0) {
    fail_write(nullptr);
  }
  SF_INFO header{};
  header.samplerate = options.sample_rate;
  header.channels = options.channels;
  header.format = sndfile_format(options);
  auto functions = OutputFile::functions();
  handle.reset(sf_open_virtual(&functions, SFM_WRITE, &header, &output));
  if (!handle) {
    fail_write(sf_strerror(nullptr));
  }
  configure();
}

void AudioWriter::Impl::configure() {
  if (options.container == Container::Wav) {
    // SFC_SET_ADD_PEAK_CHUNK must stay away: for RF64 even its SF_FALSE adds the chunk, which holds
    // the time of day, so that the same samples would give other bytes.
    sf_command(handle.get(), SFC_RF64_AUTO_DOWNGRADE, nullptr, SF_TRUE);
  } else if (options.container == Container::Mp3) {
    int mode = SF_BITRATE_MODE_VARIABLE;
    double level = 0.0;  // LAME's V0, its best
    sf_command(handle.get(), SFC_SET_BITRATE_MODE, &mode, sizeof(mode));
    sf_command(handle.get(), SFC_SET_COMPRESSION_LEVEL, &level, sizeof(level));
  } else {
    double level = options.flac_level / 8.0;
    sf_command(handle.get(), SFC_SET_COMPRESSION_LEVEL, &level, sizeof(level));
  }
}

void AudioWriter::Impl::fail_write(const char* reason) const {
  const std::string name = file.final_path().string();
  const int error = output.error();
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    fail<AudioError>("{}: no space left after {} samples ({}); free some space or choose another folder",
                     name, frames, std::generic_category().message(error));
  }
  fail<AudioError>("{}: cannot be written: {}", name,
                   error != 0 ? std::generic_category().message(error) : std::string(reason));
}

/// Rounds half away from zero, saturates, and leaves the value in the upper bits as libsndfile wants.
void AudioWriter::Impl::to_integers(const float* samples, std::int64_t count) {
  const int bits = options.format == SampleFormat::Int16 ? 16 : 24;
  const double scale = std::ldexp(1.0, bits - 1);
  const int shift = 1 << (32 - bits);
  integers.resize(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    // A float times a power of two, plus a half, is exact: truncation then rounds as std::round does, without
    // a call for each sample.
    const double scaled = std::clamp(static_cast<double>(samples[i]) * scale, -scale, scale - 1.0);
    integers[static_cast<std::size_t>(i)] = static_cast<int>(scaled + std::copysign(0.5, scaled)) * shift;
  }
}

void AudioWriter::Impl::write_block(torch::Tensor& interleaved) {
  const std::int64_t count = interleaved.size(0);
  const bool mp3 = options.container == Container::Mp3;
  const bool floating = !mp3 && options.format == SampleFormat::Float32;
  const Census census = census_of(interleaved.data_ptr<float>(), interleaved.numel());
  if (census.broken > 0) {
    fail<AudioError>("{}: NaN or infinite samples to write at about {:.2f} s", file.final_path().string(),
                     static_cast<double>(frames) / options.sample_rate);
  }
  if (!floating) {
    clipped += census.loud;
  }
  std::int64_t written = 0;
  if (mp3 || floating) {
    if (mp3) {
      interleaved = interleaved.clamp(-1.0, 1.0);
    }
    written = sf_writef_float(handle.get(), interleaved.data_ptr<float>(), count);
  } else {
    to_integers(interleaved.data_ptr<float>(), interleaved.numel());
    written = sf_writef_int(handle.get(), integers.data(), count);
  }
  if (written != count || output.error() != 0) {
    fail_write(sf_strerror(handle.get()));
  }
  frames += count;
}

AudioWriter::AudioWriter(const std::filesystem::path& path, const WriterOptions& options) {
  require_valid(path, options);
  impl_ = std::make_unique<Impl>(path, options);
  impl_->open();
}

AudioWriter::~AudioWriter() = default;
AudioWriter::AudioWriter(AudioWriter&&) noexcept = default;

void AudioWriter::write(const torch::Tensor& samples) {
  const torch::NoGradGuard no_grad;
  const std::string name = impl_->file.final_path().string();
  if (!impl_->handle) {
    fail<AudioError>("{}: write() after commit()", name);
  }
  if (samples.dim() != 2 || samples.size(0) != impl_->options.channels || !samples.is_floating_point()) {
    fail<AudioError>("{}: expected samples [{}, n], found {} {}", name, impl_->options.channels,
                     c10::str(samples.sizes()), c10::toString(samples.scalar_type()));
  }
  for (std::int64_t begin = 0; begin < samples.size(1); begin += kEncoded) {
    const std::int64_t count = std::min(kEncoded, samples.size(1) - begin);
    auto interleaved = samples.narrow(1, begin, count).to(torch::kCPU, torch::kFloat32).t().contiguous();
    impl_->write_block(interleaved);
  }
}

std::int64_t AudioWriter::clipped() const { return impl_->clipped; }

void AudioWriter::commit() {
  const std::string name = impl_->file.final_path().string();
  if (!impl_->handle) {
    fail<AudioError>("{}: commit() called twice", name);
  }
  if (impl_->frames == 0 && impl_->options.container != Container::Wav) {
    fail<AudioError>("{}: no samples to write; a {} file holds at least one, an empty wav is possible", name,
                     extension(impl_->options.container));
  }
  const int error = sf_close(impl_->handle.release());
  impl_->output.close();
  if (error != SF_ERR_NO_ERROR || impl_->output.error() != 0) {
    impl_->fail_write(sf_error_number(error));
  }
  try {
    impl_->file.commit();
  } catch (const io::IoError& failure) {
    fail<AudioError>("{}", failure.what());
  }
}

void write_waveform(const std::filesystem::path& path, const Waveform& waveform, Container container,
                    SampleFormat format) {
  if (waveform.samples.dim() != 2) {
    fail<AudioError>("{}: expected samples [channel, n], found {}", path.string(),
                     c10::str(waveform.samples.sizes()));
  }
  WriterOptions options;
  options.sample_rate = waveform.sample_rate;
  options.channels = static_cast<int>(waveform.samples.size(0));
  options.container = container;
  options.format = format;
  AudioWriter writer(path, options);
  writer.write(waveform.samples);
  writer.commit();
}

}  // namespace partita::audio
