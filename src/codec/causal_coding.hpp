#pragma once

#include "block_stream.hpp"
#include "encodec_network.hpp"
#include "frame_coding.hpp"

namespace partita::codec {

/// A signal as one frame, whose pieces come out as they become final.
class CausalEncoder final : public FrameEncoder {
 public:
  CausalEncoder(Network network, const EncodecOptions& options, std::int64_t codebooks)
      : network_(std::move(network)),
        codebooks_(codebooks),
        blocks_(network_->encoder(), kBlockFrames * options.hop()) {}
  std::vector<EncodedFrame> push(const torch::Tensor& samples) override {
    return coded(blocks_.push(samples));
  }
  std::vector<EncodedFrame> finish() override { return coded(blocks_.finish()); }

 private:
  [[nodiscard]] std::vector<EncodedFrame> coded(const std::vector<torch::Tensor>& embeddings) const {
    std::vector<EncodedFrame> frames;
    for (const auto& block : embeddings)
      frames.push_back({network_->quantizer().encode(block, codebooks_), {}});
    return frames;
  }

  Network network_;
  std::int64_t codebooks_;
  BlockStream blocks_;
};

class CausalDecoder final : public FrameDecoder {
 public:
  explicit CausalDecoder(Network network)
      : network_(std::move(network)), blocks_(network_->decoder(), kBlockFrames) {}
  std::vector<torch::Tensor> push(const EncodedFrame& frame) override {
    return blocks_.push(network_->quantizer().decode(frame.codes));
  }
  std::vector<torch::Tensor> finish() override { return blocks_.finish(); }

 private:
  Network network_;
  BlockStream blocks_;
};

}  // namespace partita::codec
