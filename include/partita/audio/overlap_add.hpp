#pragma once

#include <torch/types.h>

#include <cstdint>

namespace partita::audio {

/// Joins overlapping chunks of a stream with triangular cross-fades (Demucs's weights), holding
/// only what later chunks can still change. Throws AudioError for impossible sizes and for chunks
/// that differ in shape.
class OverlapAdd {
 public:
  /// Chunks of `length` samples, `stride` apart (stride ≤ length), last axis of every tensor.
  OverlapAdd(std::int64_t length, std::int64_t stride);

  /// Adds the next chunk `[..., length]` and returns the samples that are final: `[..., stride]`. The last
  /// chunks of a stream may be shorter, with the beginning of the cross-fade; nothing follows one that is
  /// shorter than the stride.
  torch::Tensor push(const torch::Tensor& chunk);
  /// The rest after the last chunk, up to the furthest end of all; then ready for a new stream.
  torch::Tensor finish();

 private:
  std::int64_t length_;
  std::int64_t stride_;
  torch::Tensor weight_;
  torch::Tensor sum_;
  torch::Tensor weights_;
  std::int64_t covered_ = 0;  ///< samples of sum_ that chunks have reached
  bool ended_ = false;        ///< by a chunk shorter than the stride
};

}  // namespace partita::audio
