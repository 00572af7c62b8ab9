#include "partita/codec/transcode.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "partita/audio/resample.hpp"
#include "partita/base/stopwatch.hpp"
#include "partita/codec/encodec_stream.hpp"

namespace partita::codec {
namespace {

constexpr double kBlockSeconds = 10.0;

/// The time that a piece of work takes, added to a sum.
template <class Work>
auto timed(double& seconds, Work&& work) {
  const Stopwatch stopwatch;
  auto result = work();
  seconds += stopwatch.seconds();
  return result;
}

/// A song as a codec wants it: `[1, channels, n]` at its rate.
class SongReader {
 public:
  SongReader(const Encodec& codec, const std::filesystem::path& song, Progress& progress)
      : reader_(song),
        resampler_(reader_.info().sample_rate, codec.sample_rate(), codec.channels()),
        channels_(codec.channels()),
        progress_(progress) {
    progress_.begin(song.filename().string(), reader_.info().frames / reader_.info().sample_rate, "s");
  }

  /// The next block, perhaps empty; nothing at the end.
  std::optional<torch::Tensor> read() {
    if (ended_) return std::nullopt;
    const std::int64_t rate = reader_.info().sample_rate;
    const torch::Tensor block = reader_.read(static_cast<std::int64_t>(kBlockSeconds) * rate);
    ended_ = block.size(1) == 0;
    if (ended_) {
      progress_.end();
      return resampler_.finish().unsqueeze(0);
    }
    progress_.advance(block.size(1) / rate);
    return resampler_.process(with_channels(block)).unsqueeze(0);
  }

 private:
  /// The codec's number of channels: the same, or the mean in each.
  [[nodiscard]] torch::Tensor with_channels(const torch::Tensor& block) const {
    if (block.size(0) == channels_) return block;
    return block.mean(0, /*keepdim=*/true).expand({channels_, -1}).contiguous();
  }

  audio::AudioReader reader_;
  audio::Resampler resampler_;
  std::int64_t channels_;
  Progress& progress_;
  bool ended_ = false;
};

/// Encodes a song and hands its frames on as they come.
template <class Use>
void encode_song(const Encodec& codec, const std::filesystem::path& song, Transcoded& result,
                 Progress& progress, Use use) {
  SongReader reader(codec, song, progress);
  EncodecEncoder encoder(codec);
  while (const std::optional<torch::Tensor> block = reader.read()) {
    result.samples += block->size(2);
    for (const auto& frame : timed(result.encode_seconds, [&] { return encoder.push(*block); })) use(frame);
  }
  if (result.samples == 0) fail<CodecError>("{}: no samples to encode", song.string());
  for (const auto& frame : timed(result.encode_seconds, [&] { return encoder.finish(); })) use(frame);
}

audio::WriterOptions writer_options(const Encodec& codec, const std::filesystem::path& output,
                                    audio::SampleFormat format) {
  for (const auto container : {audio::Container::Wav, audio::Container::Flac, audio::Container::Mp3}) {
    if (output.extension() == fmt::format(".{}", audio::extension(container))) {
      return {codec.sample_rate(), codec.channels(), container, format};
    }
  }
  fail<UsageError>("{}: expected a name that ends with .wav, .flac or .mp3", output.string());
}

/// Decodes frames as they come into a file of the result's samples, which grow as they are read.
class SongWriter {
 public:
  SongWriter(const Encodec& codec, const std::filesystem::path& output, audio::SampleFormat format,
             Transcoded& result)
      : writer_(output, writer_options(codec, output, format)), decoder_(codec), result_(result) {}

  void push(const EncodedFrame& frame) {
    write(timed(result_.decode_seconds, [&] { return decoder_.push(frame); }));
  }
  void finish() {
    write(timed(result_.decode_seconds, [&] { return decoder_.finish(); }));
    result_.clipped = writer_.clipped();
    writer_.commit();
  }

 private:
  /// What is decoded behind the end of what was encoded is left out.
  void write(const torch::Tensor& samples) {
    const std::int64_t count = std::min(samples.size(2), result_.samples - written_);
    if (count <= 0) return;
    writer_.write(samples[0].narrow(1, 0, count).to(torch::kCPU));
    written_ += count;
  }

  audio::AudioWriter writer_;
  EncodecDecoder decoder_;
  Transcoded& result_;
  std::int64_t written_ = 0;
};

Transcoded begun(const Encodec& codec) {
  Transcoded result;
  result.sample_rate = codec.sample_rate();
  result.channels = codec.channels();
  return result;
}

}  // namespace

Transcoded encode_file(const Encodec& codec, const std::filesystem::path& song,
                       const std::filesystem::path& output, Progress& progress) {
  Transcoded result = begun(codec);
  const bool one_frame = codec.options().segment == 0;
  EcdcFile file;
  std::vector<torch::Tensor> pieces;
  encode_song(codec, song, result, progress, [&](const EncodedFrame& frame) {
    const torch::Tensor codes = frame.codes[0].to(torch::kCPU);
    if (one_frame) {
      pieces.push_back(codes);
    } else {
      file.frames.push_back({codes, frame.scale.item<float>()});
    }
  });
  if (one_frame) file.frames.push_back({torch::cat(pieces, 1), std::nullopt});
  file.header = {codec.options().name, result.samples, codec.options().codebooks(codec.bandwidth())};
  write_ecdc(output, file);
  return result;
}

Transcoded decode_file(const Encodec& codec, const EcdcFile& codes, const std::filesystem::path& output,
                       audio::SampleFormat format, Progress& progress) {
  if (codes.header.model != codec.options().name) {
    fail<CodecError>("the codes are those of {}, the codec is {}", codes.header.model, codec.options().name);
  }
  Transcoded result = begun(codec);
  result.samples = codes.header.audio_length;
  SongWriter writer(codec, output, format, result);
  const auto piece_frames = static_cast<std::int64_t>(kBlockSeconds * codec.frame_rate());
  progress.begin("decoding", static_cast<std::int64_t>(codes.frames.size()), "frames");
  for (const auto& frame : codes.frames) {
    const torch::Tensor scale = frame.scale ? torch::full({1, 1}, *frame.scale) : torch::Tensor();
    for (const auto& piece : frame.codes.unsqueeze(0).split(piece_frames, 2)) writer.push({piece, scale});
    progress.advance();
  }
  progress.end();
  writer.finish();
  return result;
}

Transcoded roundtrip_file(const Encodec& codec, const std::filesystem::path& song,
                          const std::filesystem::path& output, audio::SampleFormat format,
                          Progress& progress) {
  Transcoded result = begun(codec);
  SongWriter writer(codec, output, format, result);
  encode_song(codec, song, result, progress, [&](const EncodedFrame& frame) { writer.push(frame); });
  writer.finish();
  return result;
}

}  // namespace partita::codec
