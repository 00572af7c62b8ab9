#include <sndfile.h>
#include <torch/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "host/sndfile.hpp"
#include "host/truncation.hpp"
#include "partita/audio/file.hpp"

namespace partita::audio {
namespace {

/// Samples (of all channels) decoded at a time: a wrong length in a header costs no memory.
constexpr std::int64_t kDecoded = 1 << 20;

void require_regular_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    fail<AudioError>("{}: no such file", path.string());
  }
  if (std::filesystem::is_directory(status)) {
    fail<AudioError>("{}: a folder, where an audio file was expected", path.string());
  }
  if (!std::filesystem::is_regular_file(status)) {
    fail<AudioError>("{}: not a regular file, where an audio file was expected", path.string());
  }
  if (::access(path.c_str(), R_OK) != 0) {
    fail<AudioError>("{}: cannot be read: {}", path.string(), std::generic_category().message(errno));
  }
  if (std::filesystem::file_size(path) == 0) {
    fail<AudioError>("{}: empty (0 bytes), where an audio file was expected", path.string());
  }
}

SndfileHandle open_sndfile(const std::filesystem::path& path, SF_INFO& header) {
  header = SF_INFO{};
  SndfileHandle handle(sf_open(path.c_str(), SFM_READ, &header));
  if (!handle) {
    fail<AudioError>("{}: no audio that can be read (WAV, FLAC, OGG, MP3 or AIFF expected), or damaged: {}",
                     path.string(), sf_strerror(nullptr));
  }
  return handle;
}

std::string format_name(int format) {
  const int container = format & SF_FORMAT_TYPEMASK;
  switch (container) {
    case SF_FORMAT_WAV:
    case SF_FORMAT_WAVEX:
    case SF_FORMAT_RF64:
      return "wav";
    case SF_FORMAT_FLAC:
      return "flac";
    case SF_FORMAT_OGG:
      return "ogg";
    case SF_FORMAT_MPEG:
      return "mp3";
    case SF_FORMAT_AIFF:
      return "aiff";
    default:
      break;
  }
  SF_FORMAT_INFO known{};
  known.format = container;
  const bool found = sf_command(nullptr, SFC_GET_FORMAT_INFO, &known, sizeof(known)) == 0;
  return found && known.extension != nullptr ? known.extension : "unknown";
}

int sample_bits(int format) {
  switch (format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_S8:
    case SF_FORMAT_PCM_U8:
      return 8;
    case SF_FORMAT_PCM_16:
      return 16;
    case SF_FORMAT_PCM_24:
      return 24;
    case SF_FORMAT_PCM_32:
    case SF_FORMAT_FLOAT:
      return 32;
    case SF_FORMAT_DOUBLE:
      return 64;
    default:
      return 0;
  }
}

void require_usable_header(const std::filesystem::path& path, const SF_INFO& header) {
  if (header.samplerate < 1 || header.samplerate > kHighestRate) {
    fail<AudioError>("{}: a sample rate of 1 to {} Hz was expected, the header says {}", path.string(),
                     kHighestRate, header.samplerate);
  }
  if (header.channels < 1 || header.channels > kMostChannels) {
    fail<AudioError>("{}: 1 to {} channels were expected, the header says {}", path.string(), kMostChannels,
                     header.channels);
  }
  if (header.frames < 0) {
    fail<AudioError>("{}: damaged: its header gives a negative length", path.string());
  }
}

/// Streams such as a FLAC written to a pipe do not say how long they are: decodes once to count.
std::int64_t count_frames(const std::filesystem::path& path) {
  SF_INFO header{};
  const SndfileHandle handle = open_sndfile(path, header);
  const std::int64_t block = kDecoded / header.channels;
  std::vector<float> scratch(static_cast<std::size_t>(block * header.channels));
  std::int64_t total = 0;
  for (std::int64_t got = 0; (got = sf_readf_float(handle.get(), scratch.data(), block)) > 0;) {
    total += got;
  }
  return total;
}

}  // namespace

struct AudioReader::Impl {
  std::filesystem::path path;
  FileInfo info;
  SndfileHandle handle;
  bool length_is_estimate = false;
  std::int64_t position = 0;

  [[nodiscard]] double seconds(std::int64_t frame) const {
    return static_cast<double>(frame) / static_cast<double>(info.sample_rate);
  }
  /// One block `[channel, n]`, n ≤ `frames`; n < `frames` at the end of the file.
  [[nodiscard]] torch::Tensor read_block(std::int64_t frames);
  void require_finite(const float* interleaved, std::int64_t frames) const;
};

torch::Tensor AudioReader::Impl::read_block(std::int64_t frames) {
  auto interleaved = torch::empty({frames, info.channels}, torch::kFloat32);
  const std::int64_t got = sf_readf_float(handle.get(), interleaved.data_ptr<float>(), frames);
  const bool failed = sf_error(handle.get()) != SF_ERR_NO_ERROR;
  if (failed || (got < frames && !length_is_estimate)) {
    fail<AudioError>(
        "{}: truncated or damaged: only {} of {} samples decode (up to {:.3f} s){}{}; get the file again",
        path.string(), position + got, info.frames, seconds(position + got), failed ? ": " : "",
        failed ? sf_strerror(handle.get()) : "");
  }
  require_finite(interleaved.data_ptr<float>(), got);
  position += got;
  return interleaved.narrow(0, 0, got).t().contiguous();
}

void AudioReader::Impl::require_finite(const float* interleaved, std::int64_t frames) const {
  for (std::int64_t i = 0; i < frames * info.channels; ++i) {
    if (!std::isfinite(interleaved[i])) {
      fail<AudioError>("{}: sample {} of channel {} (at {:.6f} s) is {}; repair the file first",
                       path.string(), position + i / info.channels, 1 + i % info.channels,
                       seconds(position + i / info.channels),
                       std::isnan(interleaved[i]) ? "not a number" : "infinite");
    }
  }
}

AudioReader::AudioReader(const std::filesystem::path& path) : impl_(std::make_unique<Impl>()) {
  require_regular_file(path);
  SF_INFO header{};
  impl_->handle = open_sndfile(path, header);
  require_usable_header(path, header);
  require_whole(path);
  impl_->path = path;
  impl_->info.sample_rate = header.samplerate;
  impl_->info.channels = header.channels;
  impl_->info.bits = sample_bits(header.format);
  impl_->info.format = format_name(header.format);
  impl_->length_is_estimate = (header.format & SF_FORMAT_TYPEMASK) == SF_FORMAT_MPEG;
  const bool unknown = header.frames == std::numeric_limits<sf_count_t>::max();
  impl_->info.frames = unknown ? count_frames(path) : header.frames;
}

AudioReader::~AudioReader() = default;
AudioReader::AudioReader(AudioReader&&) noexcept = default;
AudioReader& AudioReader::operator=(AudioReader&&) noexcept = default;

const FileInfo& AudioReader::info() const { return impl_->info; }
const std::filesystem::path& AudioReader::path() const { return impl_->path; }

torch::Tensor AudioReader::read(std::int64_t frames) {
  const torch::NoGradGuard no_grad;
  if (frames < 0) {
    fail<AudioError>("{}: cannot read {} samples; 0 or more were expected", impl_->path.string(), frames);
  }
  std::int64_t left = std::min(frames, impl_->info.frames - impl_->position);
  std::vector<torch::Tensor> blocks;
  while (left > 0) {
    const std::int64_t wanted = std::min(left, std::max<std::int64_t>(1, kDecoded / impl_->info.channels));
    blocks.push_back(impl_->read_block(wanted));
    if (blocks.back().size(1) < wanted) {
      break;
    }
    left -= wanted;
  }
  if (blocks.empty()) {
    return torch::zeros({impl_->info.channels, 0});
  }
  return blocks.size() == 1 ? blocks.front() : torch::cat(blocks, 1);
}

void AudioReader::seek(std::int64_t frame) {
  if (frame < 0 || frame > impl_->info.frames) {
    fail<AudioError>("{}: cannot move to sample {}; it has {}", impl_->path.string(), frame,
                     impl_->info.frames);
  }
  // Some decoders refuse the position after the last sample; nothing is read from there.
  if (frame < impl_->info.frames && sf_seek(impl_->handle.get(), frame, SEEK_SET) != frame) {
    fail<AudioError>("{}: cannot move to sample {} of {}; the file may be damaged", impl_->path.string(),
                     frame, impl_->info.frames);
  }
  impl_->position = frame;
}

Waveform read_waveform(const std::filesystem::path& path, double seconds) {
  AudioReader reader(path);
  if (!(seconds >= 0.0)) {
    fail<AudioError>("{}: cannot read {} seconds; 0 (all) or more were expected", path.string(), seconds);
  }
  const auto& info = reader.info();
  const double wanted = std::round(seconds * info.sample_rate);
  const bool all = seconds == 0.0 || wanted >= static_cast<double>(info.frames);
  return {reader.read(all ? info.frames : static_cast<std::int64_t>(wanted)), info.sample_rate};
}

}  // namespace partita::audio
