#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "partita/base/error.hpp"

namespace partita::decomposition {

class DecompositionError : public Error {
 public:
  using Error::Error;
};

/// Composition operators C (paper equation 5): reduce `[batch, component, channel, frame]` over
/// components. "sum", "mean", "min", "max" (the paper); "power", which adds the powers of what the codec
/// "mel" has as roots of magnitudes, as sounds that have nothing to do with each other add up; "logsumexp"
/// (log-power latents).
using CompositionOperator = torch::Tensor (*)(const torch::Tensor& components);

/// Throws DecompositionError listing the operators that exist.
[[nodiscard]] CompositionOperator composition_operator(const std::string& name);
[[nodiscard]] std::vector<std::string> composition_operator_names();

}  // namespace partita::decomposition
