#pragma once

#include <memory>
#include <vector>

#include "partita/codec/encodec.hpp"

namespace partita::codec {

class FrameEncoder;
class FrameDecoder;

/// Encodes a signal of any length in bounded memory. Whatever the lengths of the pieces, the codes are those
/// of Encodec::encode_frames, bit for bit: both work in blocks of one size, between which a causal model
/// carries the left context of its convolutions and the state of its LSTM.
class EncodecEncoder {
 public:
  /// Shares the codec's networks; the codec itself may go.
  explicit EncodecEncoder(const Encodec& codec);
  ~EncodecEncoder();
  EncodecEncoder(EncodecEncoder&&) noexcept;

  /// The next samples `[batch, channels, n]`. Returns what became final: segments or, from a causal model,
  /// pieces of its one frame in the order of time.
  std::vector<EncodedFrame> push(const torch::Tensor& samples);
  /// What is left after the last samples; then ready for a new signal.
  std::vector<EncodedFrame> finish();

 private:
  EncodecOptions options_;
  torch::Device device_;
  std::unique_ptr<FrameEncoder> impl_;
};

/// Decodes frames (or pieces of a causal model's one frame) in bounded memory; the samples of all calls
/// joined are those of Encodec::decode_frames, bit for bit.
class EncodecDecoder {
 public:
  explicit EncodecDecoder(const Encodec& codec);
  ~EncodecDecoder();
  EncodecDecoder(EncodecDecoder&&) noexcept;

  /// Returns the samples that became final, `[batch, channels, n]`; n may be 0.
  torch::Tensor push(const EncodedFrame& frame);
  /// What is left after the last frame; then ready for a new signal.
  torch::Tensor finish();

 private:
  EncodecOptions options_;
  torch::Device device_;
  std::unique_ptr<FrameDecoder> impl_;
};

}  // namespace partita::codec
