#pragma once

#include <functional>

#include "partita/evaluation/embedding.hpp"

namespace partita::evaluation {

/// The frames of one sound, which comes piece by piece: cut into the embedding's windows, embedded a few at a
/// time, handed on as `[frame, dim]`.
class WindowedFrames {
 public:
  WindowedFrames(const Embedding& embedding, std::function<void(const torch::Tensor& frames)> use);
  /// The next samples `[n]`.
  void push(const torch::Tensor& samples);
  /// The windows that the sound's end leaves open.
  void finish();

 private:
  void add(const torch::Tensor& window);
  void flush();

  const Embedding& embedding_;
  std::function<void(const torch::Tensor&)> use_;
  std::int64_t window_, hop_;  ///< samples; 0: the whole sound
  torch::Tensor waiting_ = torch::empty({0});
  std::vector<torch::Tensor> batch_;
};

}  // namespace partita::evaluation
