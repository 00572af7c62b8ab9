#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>

#include "partita/diffusion/iadb.hpp"

namespace partita::diffusion {

inline std::string shape_text(const torch::Tensor& x) {
  return x.defined() ? fmt::format("[{}]", fmt::join(x.sizes(), ", ")) : "undefined";
}

inline void require_same_shape(const char* what, const torch::Tensor& found, const torch::Tensor& expected) {
  if (!found.defined() || !expected.defined() || found.sizes() != expected.sizes()) {
    fail<DiffusionError>("IADB: {} is {}, expected {}", what, shape_text(found), shape_text(expected));
  }
}

}  // namespace partita::diffusion
