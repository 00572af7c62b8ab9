#pragma once

#include <torch/types.h>

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

}  // namespace partita::diffusion
