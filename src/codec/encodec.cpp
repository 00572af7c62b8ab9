#include "partita/codec/encodec.hpp"

#include <algorithm>
#include <utility>

#include "block_stream.hpp"
#include "encodec_network.hpp"
#include "frame_coding.hpp"
#include "partita/base/device.hpp"
#include "partita/codec/encodec_stream.hpp"

namespace partita::codec {
namespace {

/// Runs of tensors of one shape, at most kSegmentsAtOnce in each.
std::vector<std::vector<torch::Tensor>> groups_of_equal(const std::vector<torch::Tensor>& tensors) {
  std::vector<std::vector<torch::Tensor>> groups;
  for (const auto& tensor : tensors) {
    const bool joins = !groups.empty() && groups.back().size() < kSegmentsAtOnce &&
                       groups.back().front().sizes() == tensor.sizes();
    if (!joins) groups.emplace_back();
    groups.back().push_back(tensor);
  }
  return groups;
}

void check_precision(torch::Dtype precision, torch::Device device) {
  if (precision == torch::kFloat32) return;
  if (precision != torch::kBFloat16)
    fail<CodecError>("EnCodec in {}: expected float32 or bfloat16", c10::toString(precision));
  if (!has_bfloat16(device))
    fail<CodecError>("EnCodec in bfloat16: this processor has no instructions for it (AVX-512 BF16)");
}

}  // namespace

Encodec::Encodec(EncodecOptions options, const io::TensorMap& weights, double bandwidth, torch::Device device,
                 const std::string& source, torch::Dtype precision)
    : options_(std::move(options)),
      bandwidth_(bandwidth > 0.0 ? bandwidth : options_.bandwidths.back()),
      device_(device),
      network_(std::make_shared<EncodecNetwork>(options_)) {
  (void)options_.codebooks(bandwidth_);
  check_precision(precision, device_);
  load_encodec_weights(*network_, weights, fmt::format("{} ({})", source, options_.name));
  network_->to(device_);
  network_->prepare(precision);
}

Encodec::~Encodec() = default;

std::string Encodec::name() const {
  return bandwidth_ == options_.bandwidths.back() ? options_.name
                                                  : fmt::format("{}@{:g}", options_.name, bandwidth_);
}

std::vector<EncodedFrame> Encodec::encode_frames(const torch::Tensor& samples) const {
  EncodecEncoder encoder(*this);
  std::vector<EncodedFrame> frames = encoder.push(samples);
  for (auto& frame : encoder.finish()) frames.push_back(std::move(frame));
  if (frames.empty()) fail<CodecError>("{}: no samples to encode", options_.name);
  if (options_.segment > 0) return frames;
  std::vector<torch::Tensor> codes;
  codes.reserve(frames.size());
  for (const auto& piece : frames) codes.push_back(piece.codes);
  return {{torch::cat(codes, 2), {}}};
}

torch::Tensor Encodec::decode_frames(const std::vector<EncodedFrame>& frames) const {
  if (frames.empty()) fail<CodecError>("{}: no frames to decode", options_.name);
  EncodecDecoder decoder(*this);
  std::vector<torch::Tensor> samples;
  samples.reserve(frames.size() + 1);
  for (const auto& frame : frames) samples.push_back(decoder.push(frame));
  samples.push_back(decoder.finish());
  samples.erase(std::remove_if(samples.begin(), samples.end(), [](const auto& s) { return s.size(2) == 0; }),
                samples.end());
  return torch::cat(samples, 2);
}

torch::Tensor Encodec::latents_of(const torch::Tensor& codes) const {
  const torch::NoGradGuard no_gradient;
  return network_->quantizer().decode(codes.to(device_));
}

torch::Tensor Encodec::continuous_latents(const torch::Tensor& samples) const {
  if (options_.segment > 0)
    fail<CodecError>("{}: has no latents of a whole signal, since it codes segments", options_.name);
  check_samples(samples, options_);
  if (samples.size(2) == 0) fail<CodecError>("{}: no samples to encode", options_.name);
  BlockStream blocks(network_->encoder(), kBlockFrames * options_.hop());
  std::vector<torch::Tensor> latents = blocks.push(samples.to(device_, torch::kFloat32));
  for (auto& piece : blocks.finish()) latents.push_back(std::move(piece));
  return torch::cat(latents, 2);
}

torch::Tensor Encodec::encode(const torch::Tensor& samples) {
  return options_.segment > 0 ? encode_seconds(samples) : latents_of(encode_codes(samples));
}

torch::Tensor Encodec::encode_codes(const torch::Tensor& samples) {
  return codebooks() > 0 ? encode_frames(samples).front().codes : Codec::encode_codes(samples);
}

torch::Tensor Encodec::decode_codes(const torch::Tensor& codes) {
  return codebooks() > 0 ? latents_of(codes) : Codec::decode_codes(codes);
}

torch::Tensor Encodec::decode(const torch::Tensor& latents) {
  if (latents.dim() != 3 || latents.size(1) != latent_dim() || latents.size(2) < 1) {
    fail<CodecError>("{}: expected latents [batch, {}, frame], found {}", options_.name, latent_dim(),
                     c10::str(latents.sizes()));
  }
  const torch::Tensor placed = latents.to(device_, torch::kFloat32);
  if (options_.segment > 0) return decode_seconds(placed);
  BlockStream blocks(network_->decoder(), kBlockFrames);
  std::vector<torch::Tensor> samples = blocks.push(placed);
  for (auto& piece : blocks.finish()) samples.push_back(std::move(piece));
  return torch::cat(samples, 2);
}

torch::Tensor Encodec::encode_seconds(const torch::Tensor& samples) const {
  check_samples(samples, options_);
  if (samples.size(2) == 0) fail<CodecError>("{}: no samples to encode", options_.name);
  std::vector<torch::Tensor> latents;
  for (const auto& group : groups_of_equal(samples.to(device_, torch::kFloat32).split(options_.segment, 2))) {
    for (const auto& frame : encode_segments(*network_, options_.codebooks(bandwidth_), group)) {
      const torch::Tensor sums = latents_of(frame.codes);
      latents.push_back(torch::cat({sums, frame.scale.unsqueeze(2).expand({-1, 1, sums.size(2)})}, 1));
    }
  }
  return torch::cat(latents, 2);
}

torch::Tensor Encodec::decode_seconds(const torch::Tensor& latents) const {
  std::vector<torch::Tensor> samples;
  for (const auto& group : groups_of_equal(latents.split(options_.segment / options_.hop(), 2))) {
    std::vector<torch::Tensor> sums, scales;
    for (const auto& second : group) {
      sums.push_back(second.narrow(1, 0, options_.dimension));
      scales.push_back(second.select(1, options_.dimension).mean(1, /*keepdim=*/true).clamp_min(0.0));
    }
    for (auto& piece : decode_segments(*network_, sums, scales)) samples.push_back(std::move(piece));
  }
  return torch::cat(samples, 2);
}

}  // namespace partita::codec
