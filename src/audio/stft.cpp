#include "partita/audio/stft.hpp"

#include <torch/fft.h>
#include <torch/types.h>

#include <algorithm>
#include <vector>

namespace partita::audio {
namespace {

/// The smallest sum of squared windows over a sample, taken where only the two nearest frames
/// reach it (the ends of a signal); below this the inverse would amplify rounding.
constexpr double kLeastWindowSquare = 0.01;

std::int64_t frame_count(std::int64_t samples, std::int64_t hop) { return 1 + (samples + hop - 1) / hop; }

/// `count` samples reflected about the first sample, zeros before them where the signal is too short.
torch::Tensor reflected_start(const torch::Tensor& samples, std::int64_t count) {
  const std::int64_t available = std::clamp<std::int64_t>(samples.size(-1) - 1, 0, count);
  const auto reflected = samples.narrow(-1, available > 0 ? 1 : 0, available).flip({-1});
  return torch::constant_pad_nd(reflected, {count - available, 0});
}

/// The same about the last sample, zeros after them.
torch::Tensor reflected_end(const torch::Tensor& samples, std::int64_t count) {
  const std::int64_t length = samples.size(-1);
  const std::int64_t available = std::clamp<std::int64_t>(length - 1, 0, count);
  const std::int64_t start = available > 0 ? length - 1 - available : 0;
  return torch::constant_pad_nd(samples.narrow(-1, start, available).flip({-1}), {0, count - available});
}

/// Sums frames `[..., frame, window]`, `hop` apart, to `[..., (frames + ⌈window/hop⌉ − 1) · hop]`.
torch::Tensor overlap_add_frames(const torch::Tensor& frames, std::int64_t hop) {
  const std::int64_t count = frames.size(-2);
  const std::int64_t window = frames.size(-1);
  const std::int64_t parts = (window + hop - 1) / hop;
  const auto blocks = torch::constant_pad_nd(frames, {0, parts * hop - window});
  std::vector<std::int64_t> shape(frames.sizes().begin(), frames.sizes().end());
  shape[shape.size() - 2] = count + parts - 1;
  shape[shape.size() - 1] = hop;
  auto sum = torch::zeros(shape, frames.options());
  for (std::int64_t part = 0; part < parts; ++part) {
    sum.narrow(-2, part, count).add_(blocks.narrow(-1, part * hop, hop));
  }
  return sum.flatten(-2);
}

}  // namespace

Stft::Stft(const StftOptions& options, torch::Device device) : options_(options) {
  const std::int64_t window = options.window;
  const std::int64_t hop = options.hop;
  if (window < 2 || window % 2 != 0) {
    fail<AudioError>("STFT window: expected an even number of samples, 2 or more, found {}", window);
  }
  if (hop < 1 || hop > window) {
    fail<AudioError>("STFT hop: expected 1 to {} samples (the window), found {}", window, hop);
  }
  const torch::NoGradGuard no_grad;
  const auto hann = torch::hann_window(window, torch::TensorOptions().dtype(torch::kFloat64));
  const auto right =
      torch::constant_pad_nd(hann.narrow(0, window / 2, window / 2), {0, hop}).narrow(0, 0, hop);
  const auto left =
      torch::constant_pad_nd(hann.narrow(0, 0, window / 2), {hop, 0}).narrow(0, window / 2, hop);
  const auto least = (right.square() + left.square()).min().item<double>();
  if (least < kLeastWindowSquare) {
    fail<AudioError>(
        "STFT hop: {} samples leave gaps between Hann windows of {} samples, so that no inverse exists; "
        "use a hop of at most half the window",
        hop, window);
  }
  window_ = hann.to(device);
}

torch::Tensor Stft::forward(const torch::Tensor& samples) const {
  if (samples.dim() < 1 || !samples.is_floating_point()) {
    fail<AudioError>("STFT: expected real samples [..., sample], found a {}-dimensional tensor of {}",
                     samples.dim(), c10::toString(samples.scalar_type()));
  }
  const std::int64_t half = options_.window / 2;
  const std::int64_t hop = options_.hop;
  const std::int64_t length = samples.size(-1);
  const std::int64_t covered = (frame_count(length, hop) - 1) * hop;
  const auto padded = torch::cat(
      {reflected_start(samples, half), samples, reflected_end(samples, half + covered - length)}, -1);
  const auto frames = padded.unfold(-1, options_.window, hop) * window_.to(samples.options());
  return torch::fft::rfft(frames, options_.window, -1).transpose(-1, -2);
}

torch::Tensor Stft::inverse(const torch::Tensor& spectrum, std::int64_t length) const {
  const std::int64_t bins = options_.window / 2 + 1;
  const std::int64_t hop = options_.hop;
  if (length < 0) {
    fail<AudioError>("inverse STFT: expected a length of 0 or more samples, found {}", length);
  }
  const std::int64_t frames = frame_count(length, hop);
  if (!spectrum.is_complex() || spectrum.dim() < 2 || spectrum.size(-2) != bins ||
      spectrum.size(-1) != frames) {
    fail<AudioError>("inverse STFT: expected a complex spectrum [..., {}, {}] for {} samples, found {} {}",
                     bins, frames, length, c10::str(spectrum.sizes()), c10::toString(spectrum.scalar_type()));
  }
  const auto segments = torch::fft::irfft(spectrum.transpose(-1, -2), options_.window, -1);
  const auto window = window_.to(segments.options().requires_grad(false));
  const auto weights = overlap_add_frames(window.square().expand({frames, options_.window}), hop);
  const auto sum = overlap_add_frames(segments * window, hop);
  const std::int64_t half = options_.window / 2;
  return sum.narrow(-1, half, length) / weights.narrow(-1, half, length);
}

}  // namespace partita::audio
