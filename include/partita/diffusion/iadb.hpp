#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "partita/base/error.hpp"

namespace partita::diffusion {

class DiffusionError : public Error {
 public:
  using Error::Error;
};

/// Iterative α-(de)blending (Heitz 2023; paper section 2.1): variant c predicts the data x,
/// variant d the direction x − x₀.
enum class Variant { C, D };

[[nodiscard]] Variant parse_variant(const std::string& name);

/// x_α = (1 − α) x₀ + α x, with alpha `[batch]` and x, base `[batch, ...]`.
[[nodiscard]] torch::Tensor blend(const torch::Tensor& x, const torch::Tensor& base,
                                  const torch::Tensor& alpha);

/// Mean squared error of a prediction against the variant's target (paper equations 3 and 6).
[[nodiscard]] torch::Tensor loss(Variant variant, const torch::Tensor& prediction, const torch::Tensor& x,
                                 const torch::Tensor& base);

/// Predicts x (variant c) or x − x₀ (variant d) from x_α `[batch, ...]` and alpha `[batch]`.
using Network = std::function<torch::Tensor(const torch::Tensor& x_alpha, const torch::Tensor& alpha)>;
/// Sees the state after each step (1-based), for trajectories and progress; may return a changed
/// state (for consistency with a mixture) or the one it was given.
using StepHook = std::function<torch::Tensor(std::int64_t step, const torch::Tensor& state)>;

struct SamplerOptions {
  Variant variant = Variant::C;
  std::int64_t steps = 100;
};

/// Euler sampling from `base` at α = 0 to data at α = 1, as the reference's sample_c and sample_d.
[[nodiscard]] torch::Tensor sample_euler(const SamplerOptions& options, const Network& network,
                                         const torch::Tensor& base, const StepHook& hook = {});

}  // namespace partita::diffusion
