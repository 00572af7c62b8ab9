#pragma once

#include <string_view>

#include "partita/io/safetensors.hpp"

namespace partita::training {

/// Copies `source` into the tensors of `target`, which must have the same names and shapes. Throws
/// TrainingError naming `what` and the first tensor that is missing, unexpected or of another shape.
void copy_named(const io::TensorMap& source, const io::TensorMap& target, std::string_view what);

}  // namespace partita::training
