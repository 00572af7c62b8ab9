#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <string>
#include <vector>

#include "partita/io/safetensors.hpp"
#include "partita/training/error.hpp"

namespace partita::training {

/// Exponential moving average of a module's parameters; its buffers are copied as they are.
class Ema {
 public:
  Ema(const torch::nn::Module& module, double decay);

  /// Moves the average towards the module by 1 − d, where d = min(decay, (1 + n) / (10 + n)) and n
  /// counts the updates before this one: a short run averages over its last tenth.
  void update(std::int64_t n);
  /// Exchanges the averaged weights and the module's. Twice is nothing.
  void swap();

  [[nodiscard]] io::TensorMap state() const;
  /// Throws TrainingError naming a weight that is missing, unexpected or of another shape.
  void load_state(const io::TensorMap& state);

 private:
  double decay_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> live_, average_;
  std::size_t parameter_count_ = 0;  ///< the first so many are parameters, the rest buffers
};

/// Puts averaged weights into their module for a scope; nothing for a null pointer.
class EmaScope {
 public:
  explicit EmaScope(Ema* ema) : ema_(ema) {
    if (ema_ != nullptr) ema_->swap();
  }
  ~EmaScope() {
    if (ema_ != nullptr) ema_->swap();
  }
  EmaScope(const EmaScope&) = delete;
  EmaScope& operator=(const EmaScope&) = delete;

 private:
  Ema* ema_;
};

}  // namespace partita::training
