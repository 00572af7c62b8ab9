#include "partita/evaluation/embedding.hpp"

#include <algorithm>
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

/// Latents `[batch, dim, frame]` as frames.
torch::Tensor frames_of(const torch::Tensor& latents) { return latents.transpose(1, 2).to(torch::kCPU); }

Embedding mel_embedding(torch::Device device) {
  auto codec = std::make_shared<codec::MelCodec>(codec::MelCodecOptions{}, device);
  return {"mel",
          codec->sample_rate(),
          kStretch,
          kStretch,
          false,
          [codec](const torch::Tensor& samples) {
            return frames_of(codec->encode(samples.unsqueeze(1))); }};
}

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

Embedding patch_embedding(torch::Device device) {
  auto codec = std::make_shared<codec::MelCodec>(codec::MelCodecOptions{}, device);
  return {
      "mel-patches", codec->sample_rate(), kStretch, kStretch, false, [codec](const torch::Tensor& samples) {
        return patches_of(codec->encode(samples.unsqueeze(1)));
      }};
}

Embedding encodec_embedding(torch::Device device) {
  const auto codec = codec::load_encodec("encodec_24khz", device);
  return {"encodec", codec->sample_rate(), kStretch, kStretch, false, [codec](const torch::Tensor& samples) {
            return frames_of(codec->continuous_latents(samples.unsqueeze(1)));
          }};
}

}  // namespace

Embedding make_embedding(const std::string& name, const EmbeddingOptions& options, torch::Device device) {
  const bool described = options.sample_rate || options.window || options.hop;
  const bool named = name == "mel" || name == "mel-patches" || name == "encodec";
  if (named && described) {
    fail<EvaluationError>("embedding {}: has a sample rate and windows of its own; leave theirs out", name);
  }
  if (name == "mel") return mel_embedding(device);
  if (name == "mel-patches") return patch_embedding(device);
  if (name == "encodec") return encodec_embedding(device);
  return torch_script_embedding(name, options, device);
}

}  // namespace partita::evaluation
