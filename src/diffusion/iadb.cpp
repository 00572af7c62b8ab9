#include "partita/diffusion/iadb.hpp"

#include <vector>

#include "shapes.hpp"

namespace partita::diffusion {

Variant parse_variant(const std::string& name) {
  if (name == "c") {
    return Variant::C;
  }
  if (name == "d") {
    return Variant::D;
  }
  fail<DiffusionError>("IADB variant '{}' is unknown; use 'c' (predicts the data) or 'd' (the direction)",
                       name);
}

torch::Tensor blend(const torch::Tensor& x, const torch::Tensor& base, const torch::Tensor& alpha) {
  require_same_shape("the base", base, x);
  if (!alpha.defined() || alpha.dim() != 1 || alpha.size(0) != x.size(0)) {
    fail<DiffusionError>("IADB: alpha is {}, expected [{}], one for each x", shape_text(alpha), x.size(0));
  }
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[0] = x.size(0);
  return torch::lerp(base, x, alpha.view(shape));
}

torch::Tensor loss(Variant variant, const torch::Tensor& prediction, const torch::Tensor& x,
                   const torch::Tensor& base) {
  require_same_shape("the prediction", prediction, x);
  if (variant == Variant::C) {
    return torch::mse_loss(prediction, x);
  }
  require_same_shape("the base", base, x);
  return torch::mse_loss(prediction, x - base);
}

}  // namespace partita::diffusion
