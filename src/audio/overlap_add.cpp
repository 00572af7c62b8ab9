#include "partita/audio/overlap_add.hpp"

#include <torch/types.h>

#include <algorithm>
#include <vector>

#include "partita/audio/error.hpp"

namespace partita::audio {
namespace {

/// 1, 2, …, ⌊length/2⌋, then down from ⌈length/2⌉ to 1, over the largest: nowhere zero, so the ends
/// of a stream, which one chunk alone covers, keep their full level.
torch::Tensor triangle(std::int64_t length) {
  const auto options = torch::TensorOptions().dtype(torch::kFloat32);
  const std::int64_t lower_half = length / 2, upper_half = length - lower_half;
  const auto rising = torch::arange(1, lower_half + 1, options);
  const auto falling = torch::arange(upper_half, 0, -1, options);
  return torch::cat({rising, falling}) / static_cast<double>(upper_half);
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
  if (chunk.dim() < 1 || chunk.size(-1) < 1 || chunk.size(-1) > length_) {
    fail<AudioError>("overlap-add: expected a chunk [..., 1 to {}], found {}", length_,
                     c10::str(chunk.sizes()));
  }
  if (ended_)
    fail<AudioError>("overlap-add: a chunk follows one that is shorter than the stride {}", stride_);
  const std::int64_t missing = length_ - chunk.size(-1);
  const auto whole = missing > 0 ? torch::constant_pad_nd(chunk, {0, missing}) : chunk;
  if (!sum_.defined()) {
    weight_ = weight_.to(chunk.options().requires_grad(false));
    sum_ = torch::zeros_like(whole);
    weights_ = torch::zeros_like(weight_);
    covered_ = 0;
  }
  if (sum_.sizes() != whole.sizes()) {
    fail<AudioError>("overlap-add: expected a chunk {} like those before, found {}", c10::str(sum_.sizes()),
                     c10::str(chunk.sizes()));
  }
  const auto weight =
      missing > 0 ? torch::constant_pad_nd(weight_.narrow(0, 0, chunk.size(-1)), {0, missing}) : weight_;
  const auto sum = sum_ + whole * weight;
  const auto weights = weights_ + weight;
  const std::int64_t rest = length_ - stride_;
  sum_ = torch::constant_pad_nd(sum.narrow(-1, stride_, rest), {0, stride_});
  weights_ = torch::constant_pad_nd(weights.narrow(-1, stride_, rest), {0, stride_});
  covered_ = std::max(covered_, chunk.size(-1));
  const std::int64_t final = std::min(covered_, stride_);
  covered_ -= final;
  ended_ = final < stride_;
  return sum.narrow(-1, 0, final) / weights.narrow(-1, 0, final);
}

torch::Tensor OverlapAdd::finish() {
  if (!sum_.defined()) {
    fail<AudioError>("overlap-add: finish() before the first chunk");
  }
  auto result = sum_.narrow(-1, 0, covered_) / weights_.narrow(-1, 0, covered_);
  sum_ = torch::Tensor();
  weights_ = torch::Tensor();
  ended_ = false;
  return result;
}

}  // namespace partita::audio
