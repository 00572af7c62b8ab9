#pragma once

#include <memory>
#include <vector>

#include "partita/codec/encodec.hpp"

namespace partita::codec {

/// How a model turns a stream of samples into frames: as one frame, or as segments.
class FrameEncoder {
 public:
  virtual ~FrameEncoder() = default;
  virtual std::vector<EncodedFrame> push(const torch::Tensor& samples) = 0;
  virtual std::vector<EncodedFrame> finish() = 0;
};

/// And back.
class FrameDecoder {
 public:
  virtual ~FrameDecoder() = default;
  virtual std::vector<torch::Tensor> push(const EncodedFrame& frame) = 0;
  virtual std::vector<torch::Tensor> finish() = 0;
};

/// Throws CodecError for anything but floating point `[batch, channels, sample]`.
void check_samples(const torch::Tensor& samples, const EncodecOptions& options);

using Network = std::shared_ptr<EncodecNetwork>;

std::unique_ptr<FrameEncoder> make_frame_encoder(const Network& network, const EncodecOptions& options,
                                                 std::int64_t codebooks);
std::unique_ptr<FrameDecoder> make_frame_decoder(const Network& network, const EncodecOptions& options);

/// Segments, all of one length, to frames.
std::vector<EncodedFrame> encode_segments(const EncodecNetwork& network, std::int64_t codebooks,
                                          const std::vector<torch::Tensor>& segments);
/// Latents of segments `[batch, dimension, frame]`, all of one length, and their scales `[batch, 1]` to
/// audio.
std::vector<torch::Tensor> decode_segments(const EncodecNetwork& network,
                                           const std::vector<torch::Tensor>& latents,
                                           const std::vector<torch::Tensor>& scales);

/// Segments that are coded at once.
inline constexpr std::size_t kSegmentsAtOnce = 8;
/// Latent frames of a causal model that go through the networks at once.
inline constexpr std::int64_t kBlockFrames = 150;

}  // namespace partita::codec
