#include "host/latents.hpp"

#include <algorithm>
#include <numeric>

#include "partita/audio/overlap_add.hpp"
#include "partita/audio/resample.hpp"
#include "partita/base/interrupt.hpp"

namespace partita::recomposition {
namespace {

constexpr double kStretchSeconds = 20.0;
constexpr double kMarginSeconds = 2.0;  // of context on either side
constexpr double kFadeSeconds = 0.05;

/// A file's samples by position, read once from the start on.
class Ahead {
 public:
  explicit Ahead(const std::filesystem::path& file)
      : reader_(file), kept_(torch::zeros({reader_.info().channels, 0})) {}

  [[nodiscard]] const audio::FileInfo& info() const { return reader_.info(); }
  /// Samples [from, to) as far as the file goes; those before `from` are forgotten.
  torch::Tensor between(std::int64_t from, std::int64_t to) {
    kept_ = kept_.slice(1, std::min(from - first_, kept_.size(1)));
    first_ = from;
    while (kept_.size(1) < to - from) {
      const torch::Tensor block = reader_.read(to - from - kept_.size(1));
      if (block.size(1) == 0) break;
      kept_ = torch::cat({kept_, block}, 1);
    }
    return kept_.slice(1, 0, to - from);
  }

 private:
  audio::AudioReader reader_;
  torch::Tensor kept_;
  std::int64_t first_ = 0;
};

/// Frames of latents that are whole samples at `rate` and whole holds of z.
std::int64_t unit_of(Recomposer& recomposer, int rate) {
  const codec::Codec& codec = recomposer.separator().codec();
  const std::int64_t unit = recomposer.form().unit() * recomposer.latent_stride();
  const std::int64_t samples = unit * codec.hop() * rate, per = codec.sample_rate();
  return unit * (per / std::gcd(per, samples));
}

std::int64_t in_units(double seconds, double frame_rate, std::int64_t unit) {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(seconds * frame_rate) / unit) * unit;
}

}  // namespace

torch::Tensor latents_of(const std::filesystem::path& file, Recomposer& recomposer, Progress& progress) {
  const torch::NoGradGuard no_grad;
  Ahead song(file);
  codec::Codec& codec = recomposer.separator().codec();
  const int rate = song.info().sample_rate;
  const std::int64_t unit = unit_of(recomposer, rate);
  const std::int64_t stretch = in_units(kStretchSeconds, codec.frame_rate(), unit);
  const std::int64_t margin = in_units(kMarginSeconds, codec.frame_rate(), unit);
  const auto samples = [&](std::int64_t frames) { return frames * codec.hop() * rate / codec.sample_rate(); };
  progress.begin("hearing " + file.filename().string(), (song.info().frames + rate - 1) / rate, "s");
  std::vector<torch::Tensor> parts;
  bool heard = false;
  for (std::int64_t start = 0;; start += stretch) {
    throw_if_interrupted();
    const std::int64_t before = std::min(start, margin);
    const torch::Tensor block = song.between(samples(start - before), samples(start + stretch + margin));
    if (block.size(1) <= samples(before)) break;
    heard = heard || block.abs().max().item<float>() > 0.0F;
    const torch::Tensor wave = audio::resample(block.mean(0, true), rate, codec.sample_rate());
    const torch::Tensor x =
        codec.encode(wave.expand({codec.channels(), wave.size(1)}).unsqueeze(0)).squeeze(0);
    const std::int64_t stride = recomposer.latent_stride();
    parts.push_back(recomposer.encode(x).slice(2, before / stride, (before + stretch) / stride));
    progress.advance(std::min(block.size(1) - samples(before), samples(stretch)) / rate);
  }
  progress.end();
  if (!heard) {
    fail<RecompositionError>("{}: nothing but silence; there is nothing to make parts for", file.string());
  }
  return torch::cat(parts, 2);
}

void decode_stretches(Recomposer& recomposer, const torch::Tensor& z, std::int64_t k, int sample_rate,
                      std::int64_t frames, const std::function<void(const torch::Tensor& block)>& sink,
                      Progress& progress) {
  codec::Codec& codec = recomposer.separator().codec();
  const std::int64_t per_frame = codec.hop() * recomposer.latent_stride();  // samples
  const double frame_rate = static_cast<double>(codec.sample_rate()) / static_cast<double>(per_frame);
  const std::int64_t unit = recomposer.form().unit();
  const std::int64_t stretch = in_units(kStretchSeconds, frame_rate, unit);
  const std::int64_t margin = in_units(kMarginSeconds, frame_rate, unit);
  const auto fade = static_cast<std::int64_t>(kFadeSeconds * codec.sample_rate());
  audio::OverlapAdd join(stretch * per_frame + fade, stretch * per_frame);
  audio::Resampler resampler(codec.sample_rate(), sample_rate, 1);
  std::int64_t left = frames;
  const auto pass = [&](const torch::Tensor& wave) {
    const std::int64_t count = std::min(left, wave.size(1));
    if (count > 0) sink(wave.squeeze(0).narrow(0, 0, count));
    left -= count;
  };
  for (std::int64_t start = 0; start < z.size(2); start += stretch) {
    throw_if_interrupted();
    const std::int64_t before = std::min(start, margin);
    const torch::Tensor own = z.slice(2, start - before, start + stretch + margin);
    const torch::Tensor wave = recomposer.decode(own, k, static_cast<std::uint64_t>(start)).unsqueeze(0);
    const torch::Tensor chunk = wave.slice(1, before * per_frame, (before + stretch) * per_frame + fade);
    pass(resampler.process(join.push(chunk)));
    progress.advance(std::min(stretch, z.size(2) - start) * per_frame / codec.sample_rate());
    if (chunk.size(1) <= stretch * per_frame) break;
  }
  pass(resampler.process(join.finish()));
  pass(resampler.finish());
  if (left > 0) sink(torch::zeros({left}));
}

}  // namespace partita::recomposition
