#include <algorithm>
#include <optional>
#include <utility>

#include "causal_coding.hpp"
#include "partita/audio/overlap_add.hpp"

namespace partita::codec {
namespace {

constexpr double kSmallestScale = 1e-8;

/// The RMS of the mean over channels, `[batch, 1]`.
torch::Tensor loudness(const torch::Tensor& samples) {
  return kSmallestScale + samples.mean(1).square().mean(1, /*keepdim=*/true).sqrt();
}

/// Segments overlap as in the official package; those that lie whole in the signal are coded in groups.
class SegmentEncoder final : public FrameEncoder {
 public:
  SegmentEncoder(Network network, const EncodecOptions& options, std::int64_t codebooks)
      : network_(std::move(network)),
        codebooks_(codebooks),
        length_(options.segment),
        stride_(options.stride()) {}

  std::vector<EncodedFrame> push(const torch::Tensor& samples) override {
    waiting_ = waiting_.defined() ? torch::cat({waiting_, samples}, 2) : samples;
    std::vector<EncodedFrame> frames;
    const std::int64_t group = length_ + (static_cast<std::int64_t>(kSegmentsAtOnce) - 1) * stride_;
    while (waiting_.size(2) >= group) take(kSegmentsAtOnce, frames);
    waiting_ = waiting_.clone();
    return frames;
  }

  std::vector<EncodedFrame> finish() override {
    std::vector<EncodedFrame> frames;
    if (!waiting_.defined()) return frames;
    const std::int64_t left = waiting_.size(2);
    if (left >= length_) take(static_cast<std::size_t>((left - length_) / stride_ + 1), frames);
    while (waiting_.size(2) > 0) take(1, frames);
    waiting_ = torch::Tensor();
    return frames;
  }

 private:
  void take(std::size_t count, std::vector<EncodedFrame>& frames) {
    std::vector<torch::Tensor> segments;
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t left = waiting_.size(2);
      segments.push_back(waiting_.narrow(2, 0, std::min(length_, left)));
      const std::int64_t step = std::min(stride_, left);
      waiting_ = waiting_.narrow(2, step, left - step);
    }
    for (auto& frame : encode_segments(*network_, codebooks_, segments)) frames.push_back(std::move(frame));
  }

  Network network_;
  std::int64_t codebooks_;
  std::int64_t length_;
  std::int64_t stride_;
  torch::Tensor waiting_;
};

class SegmentDecoder final : public FrameDecoder {
 public:
  SegmentDecoder(Network network, const EncodecOptions& options)
      : network_(std::move(network)), stride_(options.stride()) {}

  std::vector<torch::Tensor> push(const EncodedFrame& frame) override {
    latents_.push_back(network_->quantizer().decode(frame.codes));
    scales_.push_back(frame.scale.to(latents_.back().device(), torch::kFloat32));
    if (latents_.size() < kSegmentsAtOnce) return {};
    return decode_waiting();
  }

  std::vector<torch::Tensor> finish() override {
    std::vector<torch::Tensor> samples = decode_waiting();
    if (join_) samples.push_back(join_->finish());
    join_.reset();
    return samples;
  }

 private:
  std::vector<torch::Tensor> decode_waiting() {
    std::vector<torch::Tensor> joined;
    while (!latents_.empty()) {
      const auto other = std::find_if(latents_.begin(), latents_.end(), [this](const torch::Tensor& latents) {
        return latents.sizes() != latents_.front().sizes();
      });
      const auto count = other - latents_.begin();
      for (const auto& samples : decode_segments(*network_, {latents_.begin(), other},
                                                 {scales_.begin(), scales_.begin() + count})) {
        joined.push_back(join(samples));
      }
      latents_.erase(latents_.begin(), other);
      scales_.erase(scales_.begin(), scales_.begin() + count);
    }
    return joined;
  }

  torch::Tensor join(const torch::Tensor& samples) {
    // A first segment no longer than the stride is the only one.
    if (!join_) join_.emplace(samples.size(2), std::min(stride_, samples.size(2)));
    return join_->push(samples);
  }

  Network network_;
  std::int64_t stride_;
  std::vector<torch::Tensor> latents_, scales_;
  std::optional<audio::OverlapAdd> join_;
};

}  // namespace

std::vector<EncodedFrame> encode_segments(const EncodecNetwork& network, std::int64_t codebooks,
                                          const std::vector<torch::Tensor>& segments) {
  const torch::NoGradGuard no_gradient;
  const auto batch = segments.front().size(0);
  const torch::Tensor samples = torch::cat(segments);
  const torch::Tensor scale = loudness(samples);
  const auto embeddings = network.encoder()->forward_each((samples / scale.unsqueeze(2)).split(1));
  const auto codes_of = network.quantizer().encode(torch::cat(embeddings), codebooks).split(batch);
  const auto scale_of = scale.split(batch);
  std::vector<EncodedFrame> frames;
  for (std::size_t i = 0; i < segments.size(); ++i)
    frames.push_back({codes_of[i].clone(), scale_of[i].clone()});
  return frames;
}

std::vector<torch::Tensor> decode_segments(const EncodecNetwork& network,
                                           const std::vector<torch::Tensor>& latents,
                                           const std::vector<torch::Tensor>& scales) {
  const torch::NoGradGuard no_gradient;
  const torch::Tensor samples = torch::cat(network.decoder()->forward_each(torch::cat(latents).split(1)));
  return (samples * torch::cat(scales).unsqueeze(2)).split(latents.front().size(0));
}

std::unique_ptr<FrameEncoder> make_frame_encoder(const Network& network, const EncodecOptions& options,
                                                 std::int64_t codebooks) {
  if (options.segment > 0) return std::make_unique<SegmentEncoder>(network, options, codebooks);
  return std::make_unique<CausalEncoder>(network, options, codebooks);
}

std::unique_ptr<FrameDecoder> make_frame_decoder(const Network& network, const EncodecOptions& options) {
  if (options.segment > 0) return std::make_unique<SegmentDecoder>(network, options);
  return std::make_unique<CausalDecoder>(network);
}

}  // namespace partita::codec
