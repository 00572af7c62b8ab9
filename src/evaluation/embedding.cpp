#include "partita/evaluation/embedding.hpp"

#include <memory>

#include "partita/codec/encodec.hpp"
#include "partita/codec/mel_codec.hpp"
#include "torch_script.hpp"

namespace partita::evaluation {
namespace {

constexpr double kStretch = 60.0;  // seconds

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

Embedding encodec_embedding(torch::Device device) {
  const auto codec = codec::load_encodec("encodec_24khz", device);
  return {"encodec", codec->sample_rate(), kStretch, kStretch, false, [codec](const torch::Tensor& samples) {
            return frames_of(codec->continuous_latents(samples.unsqueeze(1)));
          }};
}

}  // namespace

Embedding make_embedding(const std::string& name, const EmbeddingOptions& options, torch::Device device) {
  const bool described = options.sample_rate || options.window || options.hop;
  if ((name == "mel" || name == "encodec") && described) {
    fail<EvaluationError>("embedding {}: has a sample rate and windows of its own; leave theirs out", name);
  }
  if (name == "mel") return mel_embedding(device);
  if (name == "encodec") return encodec_embedding(device);
  return torch_script_embedding(name, options, device);
}

}  // namespace partita::evaluation
