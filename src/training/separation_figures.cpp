#include "separation_figures.hpp"

#include <algorithm>
#include <vector>

#include "partita/base/interrupt.hpp"
#include "partita/decomposition/refine.hpp"
#include "partita/evaluation/si_metrics.hpp"
#include "partita/training/error.hpp"

namespace partita::training {
namespace {

constexpr std::int64_t kBatch = 8;
constexpr std::int64_t kFigureFrames = 512;
constexpr std::int64_t kSpectrumWindow = 2048;

/// Components `[component, channel, frame]` as Wiener masks on a mixture `[sample]` of the codec's rate:
/// `[component, sample]`.
torch::Tensor masked(codec::Codec& codec, const torch::Tensor& components, const torch::Tensor& mixture) {
  const decomposition::ComponentSpectra spectra{codec.power_spectrum(components, kSpectrumWindow),
                                                codec.sample_rate() / 2.0, codec.frame_rate()};
  return decomposition::refine(mixture.unsqueeze(0), codec.sample_rate(), spectra).squeeze(1);
}

struct Score {
  torch::Tensor sum;    ///< `[component, source]` of SI-SDR
  torch::Tensor clips;  ///< `[source]` that were not silent

  Score(std::int64_t components, std::int64_t sources)
      : sum(torch::zeros({components, sources}, torch::kFloat64)),
        clips(torch::zeros({sources}, torch::kFloat64)) {}

  void add(const torch::Tensor& estimates, const torch::Tensor& references) {
    for (std::int64_t s = 0; s < references.size(0); ++s) {
      if (evaluation::is_silent(references[s])) continue;
      clips[s] += 1.0;
      for (std::int64_t k = 0; k < estimates.size(0); ++k) {
        // A silent estimate scores −inf, which would drown the mean of all others.
        sum[k][s] += std::max(-60.0, evaluation::si_sdr(estimates[k], references[s]));
      }
    }
  }

  [[nodiscard]] SeparationFigures figures() const {
    const torch::Tensor mean = sum / clips.clamp_min(1.0);
    SeparationFigures out;
    out.assignment = evaluation::best_assignment(mean);
    for (std::size_t s = 0; s < out.assignment.size(); ++s) {
      out.per_source.push_back(mean[out.assignment[s]][static_cast<std::int64_t>(s)].item<double>());
      out.mean += out.per_source.back() / static_cast<double>(out.assignment.size());
    }
    return out;
  }
};

}  // namespace

std::optional<SeparationCheck> SeparationCheck::of(const std::optional<data::LatentStore>& split,
                                                   std::int64_t clips) {
  if (!split || clips <= 0 || !split->has_audio() || split->info().sources.empty()) return std::nullopt;
  return SeparationCheck(*split, clips);
}

SeparationCheck::SeparationCheck(const data::LatentStore& split, std::int64_t clips)
    : mixture_(split.mixture_audio()),
      sources_(split.source_audio()),
      source_names_(split.info().sources),
      codec_(codec::make_codec(split.info().codec)) {
  const std::int64_t count = std::min(clips, mixture_.size(0));
  mixture_ = mixture_.narrow(0, 0, count);
  sources_ = sources_.narrow(0, 0, count);
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> latents;
  for (const torch::Tensor& some : mixture_.unsqueeze(1).split(kBatch))
    latents.push_back(codec_->encode(some.expand({-1, codec_->channels(), -1}).contiguous()));
  latents_ = torch::cat(latents);
  if (latents_.size(1) != split.info().latent_dim) {
    fail<TrainingError>(
        "the store says that codec '{}' has {} latent channels, this one has {}: prepare it anew",
        split.info().codec, split.info().latent_dim, latents_.size(1));
  }
}

std::optional<SeparationFigures> SeparationCheck::measure(const Decompose& decompose,
                                                          std::int64_t frame_multiple) {
  const torch::NoGradGuard no_grad;
  const std::int64_t frames = std::min(kFigureFrames, latents_.size(2)) / frame_multiple * frame_multiple;
  if (frames == 0 || mixture_.size(0) == 0) return std::nullopt;
  const std::int64_t samples = std::min(frames * codec_->hop(), mixture_.size(1));
  std::optional<Score> score;
  torch::Tensor heard;  // the first clip's estimates
  for (std::int64_t first = 0; first < mixture_.size(0); first += kBatch) {
    throw_if_interrupted();
    const std::int64_t count = std::min(kBatch, mixture_.size(0) - first);
    const torch::Tensor x = latents_.narrow(0, first, count).narrow(2, 0, frames).contiguous();
    const torch::Tensor components = decompose(x, first).to(torch::kCPU);
    if (components.size(1) < sources_.size(1)) return std::nullopt;
    if (!score) score.emplace(components.size(1), sources_.size(1));
    for (std::int64_t i = 0; i < count; ++i) {
      const torch::Tensor mixture = mixture_[first + i].narrow(0, 0, samples);
      const torch::Tensor estimates = masked(*codec_, components[i], mixture);
      if (!heard.defined()) heard = estimates;
      score->add(estimates, sources_[first + i].narrow(1, 0, samples));
    }
  }
  SeparationFigures figures = score->figures();
  figures.sounds.push_back({"mixture", mixture_[0].narrow(0, 0, samples), codec_->sample_rate()});
  for (std::size_t s = 0; s < source_names_.size(); ++s)
    figures.sounds.push_back({source_names_[s], heard[figures.assignment[s]], codec_->sample_rate()});
  return figures;
}

void add_separation(Validation& validation, const SeparationFigures& separation,
                    const std::vector<std::string>& sources) {
  validation.figures.emplace_back("si_sdr", separation.mean);
  for (std::size_t s = 0; s < sources.size(); ++s) {
    validation.figures.emplace_back("si_sdr_" + sources[s], separation.per_source[s]);
  }
  validation.sounds = separation.sounds;
}

}  // namespace partita::training
