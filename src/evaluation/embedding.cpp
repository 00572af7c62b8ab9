#include "partita/evaluation/embedding.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "partita/codec/encodec.hpp"
#include "partita/codec/mel_codec.hpp"
#include "torch_script.hpp"

namespace partita::evaluation {
namespace {

constexpr double kStretch = 60.0;  // seconds

// Of a patch: 8 bands at 12.5 Hz, 1.28 s.
constexpr std::int64_t kPatchBands = 8;
constexpr std::int64_t kPatchSteps = 16;
constexpr std::int64_t kFramesAStep = 6;

// Of onset correlations: 8 bands, 3.41 s every 0.43 s; what begins within some 50 ms begins together.
constexpr std::int64_t kOnsetBands = 8;
constexpr std::int64_t kOnsetFrames = 256;
constexpr std::int64_t kOnsetHop = 32;
constexpr std::int64_t kTogether = 5;
constexpr double kStill = 1e-6;  // variance of onsets below which nothing begins

/// Latents `[batch, dim, frame]` as frames.
torch::Tensor frames_of(const torch::Tensor& latents) { return latents.transpose(1, 2).to(torch::kCPU); }

/// What `frames` makes of the latents of MelCodec.
Embedding of_mel(const char* name, torch::Device device,
                 torch::Tensor (*frames)(const torch::Tensor& latents)) {
  auto codec = std::make_shared<codec::MelCodec>(codec::MelCodecOptions{}, device);
  return {
      name, codec->sample_rate(), kStretch, kStretch, false, [codec, frames](const torch::Tensor& samples) {
        return frames(codec->encode(samples.unsqueeze(1)));
      }};
}

Embedding mel_embedding(torch::Device device) { return of_mel("mel", device, frames_of); }

/// Latents `[batch, band, frame]` to patches `[batch, patch, 128]`, one a step.
torch::Tensor patches_of(const torch::Tensor& latents) {
  const std::int64_t steps = (latents.size(2) + kFramesAStep - 1) / kFramesAStep;
  const std::int64_t frames = std::max(steps, kPatchSteps) * kFramesAStep;
  const torch::Tensor filled = torch::constant_pad_nd(latents, {0, frames - latents.size(2)});
  const torch::Tensor coarse = filled.unflatten(2, std::vector<std::int64_t>{-1, kFramesAStep})
                                   .unflatten(1, std::vector<std::int64_t>{kPatchBands, -1})
                                   .mean(at::IntArrayRef{2, 4});
  return coarse.unfold(2, kPatchSteps, 1).permute({0, 2, 1, 3}).flatten(2).to(torch::kCPU);
}

Embedding patch_embedding(torch::Device device) { return of_mel("mel-patches", device, patches_of); }

/// Latents `[batch, band, frame]` to how far the onsets of any two of eight bands coincide, `[batch, window,
/// 28]`: correlations of their rises, each held for a moment.
torch::Tensor onset_correlations_of(const torch::Tensor& latents) {
  const torch::Tensor rises = (latents.slice(2, 1) - latents.slice(2, 0, -1)).clamp_min(0.0);
  const std::int64_t missing = std::max<std::int64_t>(0, kOnsetFrames - rises.size(2));
  const torch::Tensor bands = rises.unflatten(1, std::vector<std::int64_t>{kOnsetBands, -1}).mean(2);
  const torch::Tensor held = torch::avg_pool1d(bands, kTogether, 1, kTogether / 2);
  const torch::Tensor windows =
      torch::constant_pad_nd(held, {0, missing}).unfold(2, kOnsetFrames, kOnsetHop).transpose(1, 2);
  const torch::Tensor about = windows - windows.mean(3, true);  // [batch, window, band, frame]
  const torch::Tensor covariance = about.matmul(about.transpose(2, 3)) / static_cast<double>(kOnsetFrames);
  const torch::Tensor deviation = (covariance.diagonal(0, 2, 3) + kStill).sqrt();
  const torch::Tensor correlation = covariance / (deviation.unsqueeze(3) * deviation.unsqueeze(2));
  const torch::Tensor pairs = torch::triu_indices(kOnsetBands, kOnsetBands, 1);
  return correlation.flatten(2).index_select(2, pairs[0] * kOnsetBands + pairs[1]).to(torch::kCPU);
}

Embedding onset_embedding(torch::Device device) {
  return of_mel("onset-correlations", device, onset_correlations_of);
}

Embedding encodec_embedding(torch::Device device) {
  const auto codec = codec::load_encodec("encodec_24khz", device);
  return {"encodec", codec->sample_rate(), kStretch, kStretch, false, [codec](const torch::Tensor& samples) {
            return frames_of(codec->continuous_latents(samples.unsqueeze(1)));
          }};
}

struct Maker {
  const char* name;
  Embedding (*make)(torch::Device device);
};
constexpr std::array<Maker, 4> kMakers{{{"mel", mel_embedding},
                                        {"mel-patches", patch_embedding},
                                        {"onset-correlations", onset_embedding},
                                        {"encodec", encodec_embedding}}};

}  // namespace

std::vector<std::string> embedding_names() {
  std::vector<std::string> names;
  names.reserve(kMakers.size());
  for (const Maker& maker : kMakers) names.emplace_back(maker.name);
  return names;
}

Embedding make_embedding(const std::string& name, const EmbeddingOptions& options, torch::Device device) {
  const auto* maker =
      std::find_if(kMakers.begin(), kMakers.end(), [&](const Maker& one) { return name == one.name; });
  if (maker == kMakers.end()) return torch_script_embedding(name, options, device);
  if (options.sample_rate || options.window || options.hop) {
    fail<EvaluationError>("embedding {}: has a sample rate and windows of its own; leave theirs out", name);
  }
  return maker->make(device);
}

}  // namespace partita::evaluation
