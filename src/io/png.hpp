#pragma once

#include <torch/types.h>

#include <string>

namespace partita::io {

/// Grey levels `[row, column]` in 0 … 1 as a PNG file (ISO 15948), 8 bits a pixel, not compressed.
[[nodiscard]] std::string encode_png(const torch::Tensor& levels);

}  // namespace partita::io
