#pragma once

#include <torch/types.h>

namespace partita {

/// LibTorch's automatic mixed precision for a scope: matrix products and convolutions in bfloat16, losses
/// in float32.
class Autocast {
 public:
  Autocast(torch::Device device, bool on);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  void set(bool enabled) const;

  torch::Device device_;
  bool on_;
};

/// Whether operations on the CPU are under an Autocast now.
[[nodiscard]] bool autocast_on_cpu();

}  // namespace partita
