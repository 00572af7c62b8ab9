#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>

#include "partita/diffusion/iadb.hpp"

namespace partita::diffusion {

struct WindowOptions {
  std::int64_t length = 512;  ///< frames of a window
  double overlap = 0.25;      ///< of a window, at least
  std::int64_t unit = 1;      ///< windows begin on multiples of this
  std::int64_t at_once = 4;   ///< windows handed over together
};

/// What `each` makes of windows of x `[..., frame]`, joined by triangular cross-fades: it is given
/// `[window, ..., length]`, the first being window number `first`, and returns `[window, any axes, length]`;
/// the whole is `[any axes, frame]`. Windows are spread evenly, the first at the start, the last at the end;
/// an x shorter than a window is one window of its own length. Throws Interrupted between calls and
/// DiffusionError for impossible options.
[[nodiscard]] torch::Tensor in_windows(
    const torch::Tensor& x, const WindowOptions& options,
    const std::function<torch::Tensor(const torch::Tensor& windows, std::int64_t first)>& each);

/// The last frame of `[..., frame]` repeated until `frames` are there.
[[nodiscard]] torch::Tensor extended(const torch::Tensor& x, std::int64_t frames);

}  // namespace partita::diffusion
