#include "partita/base/autocast.hpp"

#include <ATen/autocast_mode.h>

#include "partita/base/libtorch.hpp"

namespace partita {

Autocast::Autocast(torch::Device device, bool on) : device_(device), on_(on) {
  if (on_) set(true);
}

Autocast::~Autocast() {
  if (!on_) return;
  at::autocast::clear_cache();
  set(false);
}

void Autocast::set(bool enabled) const {
// LibTorch 2.4 gave every kind of device the same two functions.
#if PARTITA_LIBTORCH_AT_LEAST(2, 4)
  at::autocast::set_autocast_dtype(device_.type(), torch::kBFloat16);
  at::autocast::set_autocast_enabled(device_.type(), enabled);
#else
  if (device_.is_cuda()) {
    at::autocast::set_autocast_gpu_dtype(torch::kBFloat16);
    at::autocast::set_enabled(enabled);
  } else {
    at::autocast::set_autocast_cpu_dtype(torch::kBFloat16);
    at::autocast::set_cpu_enabled(enabled);
  }
#endif
}

bool autocast_on_cpu() {
#if PARTITA_LIBTORCH_AT_LEAST(2, 4)
  return at::autocast::is_autocast_enabled(torch::kCPU);
#else
  return at::autocast::is_cpu_enabled();
#endif
}

}  // namespace partita
