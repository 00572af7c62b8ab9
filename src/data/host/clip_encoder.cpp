#include "clip_encoder.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "partita/audio/error.hpp"
#include "partita/base/interrupt.hpp"
#include "store_files.hpp"

namespace partita::data {
namespace {

/// Clips encoded at once: so few that what is made on the way fits into memory that is kept, not mapped anew.
constexpr std::int64_t kEncodeBatch = 2;

/// The clips of a track that are loud enough, `[clip, source, sample]`; undefined when there are none.
torch::Tensor cut(const torch::Tensor& track, std::int64_t length, double minimum_rms, std::int64_t& quiet) {
  const std::int64_t count = track.size(1) / length;
  const torch::Tensor all =
      track.narrow(1, 0, count * length).reshape({track.size(0), count, length}).transpose(0, 1);
  const torch::Tensor loud = all.square().mean(-1).sqrt().ge(minimum_rms).all(1).nonzero().squeeze(1);
  quiet += count - loud.size(0);
  return loud.size(0) > 0 ? all.index_select(0, loud).contiguous() : torch::Tensor();
}

/// Which of `size` clips are kept as audio: `count` of them, evenly spread.
torch::Tensor spread(std::int64_t size, std::int64_t count) {
  torch::Tensor kept = torch::zeros({size}, torch::kBool);
  const std::int64_t taken = std::min(size, count);
  for (std::int64_t i = 0; i < taken; ++i) kept[(2 * i + 1) * size / (2 * taken)] = true;
  return kept;
}

StoreInfo store_info(const PrepareOptions& options, const codec::Codec& codec) {
  StoreInfo info;
  info.codec = codec.name();
  info.sample_rate = codec.sample_rate();
  info.latent_dim = codec.latent_dim();
  const std::int64_t length = std::llround(options.clip_seconds * codec.sample_rate());
  info.clip_frames = (length + codec.hop() - 1) / codec.hop();
  info.codebooks = codec.codebooks();
  if (options.layout != PrepareOptions::Layout::Mixtures) info.sources = options.sources;
  return info;
}

}  // namespace

ClipEncoder::ClipEncoder(const PrepareOptions& options)
    : options_(options),
      codec_(codec::make_codec(options.codec)),
      info_(store_info(options, *codec_)),
      length_(std::llround(options.clip_seconds * codec_->sample_rate())) {}

PrepareReport::Split ClipEncoder::write(const TrackGroup& group) const {
  const torch::NoGradGuard no_gradients;
  PrepareReport::Split report;
  report.name = group.split;
  std::vector<StoreClips> with_audio;
  std::vector<StoreClips> without;
  for (std::size_t i = 0; i < group.tracks.size(); ++i) {
    const torch::Tensor clips = read(group.tracks[i], report);
    if (!clips.defined()) continue;
    const torch::Tensor kept = spread(clips.size(0), group.kept[i]);
    for (const bool audio : {true, false}) {
      const torch::Tensor places = (audio ? kept : kept.logical_not()).nonzero().squeeze(1);
      for (const auto& batch : places.split(kEncodeBatch)) {
        throw_if_interrupted();
        if (batch.size(0) == 0) continue;
        (audio ? with_audio : without).push_back(encode(clips.index_select(0, batch), audio));
      }
    }
    report.clips += clips.size(0);
  }
  write_clips(group, "audio", with_audio);  // sorts before the others
  write_clips(group, "clips", without);
  return report;
}

/// The clips of a track; undefined when it has none, which is counted.
torch::Tensor ClipEncoder::read(const Track& track, PrepareReport::Split& report) const {
  throw_if_interrupted();
  std::string reason = track.fault;
  if (reason.empty()) {
    try {
      const torch::Tensor samples = read_track(track, codec_->sample_rate());
      if (samples.size(1) < length_) {
        fail<DataError>("is {:.2f} s long, shorter than a clip of {:g} s",
                        static_cast<double>(samples.size(1)) / codec_->sample_rate(), options_.clip_seconds);
      }
      ++report.tracks;
      report.missing_stems += track.missing_stems;
      return cut(samples, length_, options_.minimum_rms, report.quiet_clips);
    } catch (const audio::AudioError& error) {
      reason = error.what();
    } catch (const DataError& error) {
      reason = error.what();
    }
  }
  ++report.skipped_tracks;
  report.reasons.push_back(track.name + ": " + reason);
  return {};
}

/// `sources` is `[clip, source, sample]`; the mixture is their mean.
StoreClips ClipEncoder::encode(const torch::Tensor& sources, bool audio) const {
  const std::int64_t clips = sources.size(0);
  const std::int64_t count = sources.size(1);
  const torch::Tensor mixture = sources.mean(1);
  StoreClips encoded;
  encoded.mixture = encode_mono(mixture);
  if (audio) encoded.mixture_audio = mixture;
  if (info_.sources.empty()) return encoded;
  const torch::Tensor latents = encode_mono(sources.reshape({clips * count, sources.size(2)}));
  encoded.sources = latents.reshape({clips, count, latents.size(1), latents.size(2)});
  if (audio) encoded.source_audio = sources;
  return encoded;
}

/// `[n, sample]` to `[n, channel, frame]`; the mono signal fills every channel of the codec.
torch::Tensor ClipEncoder::encode_mono(const torch::Tensor& samples) const {
  const torch::Tensor wide = samples.unsqueeze(1).expand({-1, codec_->channels(), -1}).contiguous();
  return info_.codebooks > 0 ? codec_->encode_codes(wide) : codec_->encode(wide).to(torch::kFloat16);
}

void ClipEncoder::write_clips(const TrackGroup& group, const char* kind,
                              const std::vector<StoreClips>& clips) const {
  if (clips.empty()) return;
  write_shard(options_.output, group.split, fmt::format("{}-{}", kind, group.name), info_, joined(clips));
}

}  // namespace partita::data
