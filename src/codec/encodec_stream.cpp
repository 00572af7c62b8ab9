#include "partita/codec/encodec_stream.hpp"

#include "encodec_network.hpp"
#include "frame_coding.hpp"

namespace partita::codec {
namespace {

void check_frame(const EncodedFrame& frame, const EncodecOptions& options) {
  if (!frame.codes.defined() || frame.codes.dim() != 3) {
    fail<CodecError>("{}: expected a frame with codes [batch, codebook, frame]", options.name);
  }
  const bool levelled = options.segment > 0;
  const bool fits = levelled ? frame.scale.defined() && frame.scale.dim() == 2 &&
                                   frame.scale.size(0) == frame.codes.size(0) && frame.scale.size(1) == 1
                             : !frame.scale.defined();
  if (!fits) {
    fail<CodecError>("{}: expected a frame {} a scale [batch, 1]", options.name,
                     levelled ? "with" : "without");
  }
}

torch::Tensor joined(const std::vector<torch::Tensor>& pieces, const EncodecOptions& options,
                     torch::Device device) {
  return pieces.empty() ? torch::empty({1, options.channels, 0}, device) : torch::cat(pieces, 2);
}

}  // namespace

EncodecEncoder::EncodecEncoder(const Encodec& codec)
    : options_(codec.options()),
      device_(codec.device()),
      impl_(make_frame_encoder(codec.network_, options_, options_.codebooks(codec.bandwidth()))) {}
EncodecEncoder::~EncodecEncoder() = default;
EncodecEncoder::EncodecEncoder(EncodecEncoder&&) noexcept = default;

std::vector<EncodedFrame> EncodecEncoder::push(const torch::Tensor& samples) {
  check_samples(samples, options_);
  return impl_->push(samples.to(device_, torch::kFloat32));
}

std::vector<EncodedFrame> EncodecEncoder::finish() { return impl_->finish(); }

EncodecDecoder::EncodecDecoder(const Encodec& codec)
    : options_(codec.options()),
      device_(codec.device()),
      impl_(make_frame_decoder(codec.network_, options_)) {}
EncodecDecoder::~EncodecDecoder() = default;
EncodecDecoder::EncodecDecoder(EncodecDecoder&&) noexcept = default;

torch::Tensor EncodecDecoder::push(const EncodedFrame& frame) {
  check_frame(frame, options_);
  return joined(impl_->push({frame.codes.to(device_), frame.scale}), options_, device_);
}

torch::Tensor EncodecDecoder::finish() { return joined(impl_->finish(), options_, device_); }

}  // namespace partita::codec
