#include "partita/audio/overlap_add.hpp"

#include <torch/types.h>

#include <vector>

#include "partita/audio/error.hpp"

namespace partita::audio {
namespace {

/// 1, 2, …, ⌊length/2⌋, then down from ⌈length/2⌉ to 1, over the largest: nowhere zero, so the ends
/// of a stream, which one chunk alone covers, keep their full level.
torch::Tensor triangle(std::int64_t length) {
  const auto options = torch::TensorOptions().dtype(torch::kFloat32);
  const auto rising = torch::arange(1, length / 2 + 1, options);
  const auto falling = torch::arange(length - length / 2, 0, -1, options);
  return torch::cat({rising, falling}) / static_cast<double>(length - length / 2);
}

}  // namespace

OverlapAdd::OverlapAdd(std::int64_t length, std::int64_t stride) : length_(length), stride_(stride) {
  if (length < 1 || stride < 1 || stride > length) {
    fail<AudioError>("overlap-add: expected 1 <= stride <= length, found stride {} and length {}", stride,
                     length);
  }
  weight_ = triangle(length);
}

torch::Tensor OverlapAdd::push(const torch::Tensor& chunk) {
  if (chunk.dim() < 1 || chunk.size(-1) != length_) {
    fail<AudioError>("overlap-add: expected a chunk [..., {}], found {}", length_, c10::str(chunk.sizes()));
  }
  if (!sum_.defined()) {
    weight_ = weight_.to(chunk.options().requires_grad(false));
    sum_ = torch::zeros_like(chunk);
    weights_ = torch::zeros_like(weight_);
  }
  if (sum_.sizes() != chunk.sizes()) {
    fail<AudioError>("overlap-add: expected a chunk {} like those before, found {}", c10::str(sum_.sizes()),
                     c10::str(chunk.sizes()));
  }
  const auto sum = sum_ + chunk * weight_;
  const auto weights = weights_ + weight_;
  const std::int64_t rest = length_ - stride_;
  sum_ = torch::constant_pad_nd(sum.narrow(-1, stride_, rest), {0, stride_});
  weights_ = torch::constant_pad_nd(weights.narrow(-1, stride_, rest), {0, stride_});
  return sum.narrow(-1, 0, stride_) / weights.narrow(-1, 0, stride_);
}

torch::Tensor OverlapAdd::finish() {
  if (!sum_.defined()) {
    fail<AudioError>("overlap-add: finish() before the first chunk");
  }
  const std::int64_t rest = length_ - stride_;
  auto result = sum_.narrow(-1, 0, rest) / weights_.narrow(-1, 0, rest);
  sum_ = torch::Tensor();
  weights_ = torch::Tensor();
  return result;
}

}  // namespace partita::audio
