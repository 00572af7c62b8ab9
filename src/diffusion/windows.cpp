#include "partita/diffusion/windows.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "partita/base/interrupt.hpp"
#include "shapes.hpp"

namespace partita::diffusion {
namespace {

void check(const torch::Tensor& x, const WindowOptions& options) {
  if (!x.defined() || x.dim() < 1 || x.size(-1) < 1) {
    fail<DiffusionError>("windows: x is {}, expected [..., frame]", shape_text(x));
  }
  if (options.length < 1 || options.unit < 1 || options.length % options.unit != 0 || options.at_once < 1 ||
      !(options.overlap >= 0.0 && options.overlap < 1.0)) {
    fail<DiffusionError>(
        "windows: expected a length that is a multiple of the unit and an overlap in [0, 1), found {}, {} "
        "and {}",
        options.length, options.unit, options.overlap);
  }
}

/// The first at the start, the last at the end or, where the unit wants it, just short of it: its window
/// then still covers the end, since x's frames are a multiple of the unit.
std::vector<std::int64_t> window_starts(std::int64_t frames, const WindowOptions& options) {
  const std::int64_t span = frames - options.length;
  if (span <= 0) return {0};
  const double kept = static_cast<double>(options.length) * (1.0 - options.overlap);
  const std::int64_t stride =
      std::max(options.unit, static_cast<std::int64_t>(std::floor(kept)) / options.unit * options.unit);
  const std::int64_t gaps = (span + stride - 1) / stride;
  std::vector<std::int64_t> starts;
  starts.reserve(static_cast<std::size_t>(gaps) + 1);
  for (std::int64_t i = 0; i <= gaps; ++i) starts.push_back(i * span / gaps / options.unit * options.unit);
  return starts;
}

/// Demucs's triangular weights.
torch::Tensor triangle(std::int64_t length, const torch::Tensor& like) {
  const torch::Tensor rising = torch::arange(1, length + 1, like.options());
  return torch::minimum(rising, rising.flip(0));
}

}  // namespace

torch::Tensor in_windows(
    const torch::Tensor& x, const WindowOptions& options,
    const std::function<torch::Tensor(const torch::Tensor& windows, std::int64_t first)>& each) {
  check(x, options);
  const std::int64_t frames = x.size(-1);
  const std::int64_t length = std::min(frames, options.length);
  const std::vector<std::int64_t> starts = window_starts(frames, options);
  const auto count = static_cast<std::int64_t>(starts.size());
  const torch::Tensor fade = triangle(length, x);
  torch::Tensor sum, weight = x.new_zeros({frames});
  for (std::int64_t first = 0; first < count; first += options.at_once) {
    throw_if_interrupted();
    std::vector<torch::Tensor> windows;
    for (std::int64_t i = first; i < std::min(first + options.at_once, count); ++i) {
      windows.push_back(x.narrow(-1, starts[static_cast<std::size_t>(i)], length));
    }
    const torch::Tensor parts = each(torch::stack(windows), first);
    for (std::int64_t i = 0; i < parts.size(0); ++i) {
      const torch::Tensor part = parts[i];
      if (!sum.defined()) {
        std::vector<std::int64_t> shape = part.sizes().vec();
        shape.back() = frames;
        sum = part.new_zeros(shape);
      }
      const std::int64_t start = starts[static_cast<std::size_t>(first + i)];
      sum.narrow(-1, start, length).add_(part * fade);
      weight.narrow(0, start, length).add_(fade);
    }
  }
  return sum / weight;
}

torch::Tensor extended(const torch::Tensor& x, std::int64_t frames) {
  const std::int64_t missing = frames - x.size(-1);
  if (missing <= 0) return x;
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = missing;
  return torch::cat({x, x.narrow(-1, x.size(-1) - 1, 1).expand(shape)}, -1);
}

}  // namespace partita::diffusion
