#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace partita {

/// `torch::cat` and `torch::stack` for networks that may run under autocast: LibTorch 1.13's own refuse
/// bfloat16 there on the CPU. Tensors of several precisions are joined in the widest.
[[nodiscard]] torch::Tensor cat(const std::vector<torch::Tensor>& tensors, std::int64_t dimension);
[[nodiscard]] torch::Tensor stack(const std::vector<torch::Tensor>& tensors, std::int64_t dimension);

}  // namespace partita
