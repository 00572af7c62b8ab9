#pragma once

#include <torch/types.h>

namespace partita::nn {

/// Whether convolutions that can take winograd_conv1d do so (at first: yes). For the whole process.
void set_winograd(bool enabled);
[[nodiscard]] bool winograd_enabled();

/// Whether winograd_conv1d serves: float32 on the CPU outside autocast, an odd kernel of 3 or 5, and enough
/// channels and frames to win by it.
[[nodiscard]] bool winograd_fits(const torch::Tensor& x, const torch::Tensor& weight);

/// Convolution of stride 1 that keeps the length, x `[batch, c_in, frame]` with weight `[c_out, c_in,
/// kernel]` of kernel 3 or 5 and bias `[c_out]` or undefined, by minimal filtering (Winograd 1980; Lavin &
/// Gray 2016, F(4, 3) and F(2, 5) at the points 0, ±1, ±2, ∞): a half or three fifths of the multiplications
/// of the direct sum, to rounding the same. Differentiable, twice through LibTorch's own. Throws NetworkError
/// for other tensors.
[[nodiscard]] torch::Tensor winograd_conv1d(const torch::Tensor& x, const torch::Tensor& weight,
                                            const torch::Tensor& bias);

}  // namespace partita::nn
