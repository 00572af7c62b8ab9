#include "windows.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace partita::evaluation {
namespace {

constexpr double kBatchSeconds = 80.0;  // of windows embedded at once

std::int64_t samples_in(double seconds, int sample_rate) { return std::llround(seconds * sample_rate); }

}  // namespace

WindowedFrames::WindowedFrames(const Embedding& embedding,
                               std::function<void(const torch::Tensor& frames)> use)
    : embedding_(embedding),
      use_(std::move(use)),
      window_(samples_in(embedding.window, embedding.sample_rate)),
      hop_(samples_in(embedding.hop, embedding.sample_rate)) {}

void WindowedFrames::push(const torch::Tensor& samples) {
  waiting_ = torch::cat({waiting_, samples});
  if (window_ == 0) return;
  std::int64_t at = 0;
  for (; waiting_.size(0) - at >= window_; at += hop_) add(waiting_.narrow(0, at, window_));
  waiting_ = waiting_.narrow(0, at, waiting_.size(0) - at).clone();
}

void WindowedFrames::finish() {
  const std::int64_t rest = waiting_.size(0);
  const std::int64_t hop = window_ == 0 ? std::max<std::int64_t>(rest, 1) : hop_;
  for (std::int64_t at = 0; at < rest; at += hop) {
    torch::Tensor window = waiting_.narrow(0, at, rest - at);
    const bool filled = embedding_.fills_window && window_ > 0;
    add(filled ? torch::constant_pad_nd(window, {0, window_ - window.size(0)}) : window);
  }
  flush();
  waiting_ = torch::empty({0});
}

void WindowedFrames::add(const torch::Tensor& window) {
  if (!batch_.empty() && batch_.front().size(0) != window.size(0)) flush();
  batch_.push_back(window);
  if (static_cast<double>(batch_.size()) * embedding_.window >= kBatchSeconds) flush();
}

void WindowedFrames::flush() {
  if (batch_.empty()) return;
  const torch::Tensor frames = embedding_.embed(torch::stack(batch_));
  use_(frames.reshape({-1, frames.size(2)}));
  batch_.clear();
}

}  // namespace partita::evaluation
