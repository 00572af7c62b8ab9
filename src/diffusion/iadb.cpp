#include "partita/diffusion/iadb.hpp"

#include <utility>
#include <vector>

#include "partita/base/interrupt.hpp"

namespace partita::diffusion {
namespace {

std::string shape_text(const torch::Tensor& x) {
  return x.defined() ? fmt::format("[{}]", fmt::join(x.sizes(), ", ")) : "undefined";
}

void require_same_shape(const char* what, const torch::Tensor& found, const torch::Tensor& expected) {
  if (!found.defined() || !expected.defined() || found.sizes() != expected.sizes()) {
    fail<DiffusionError>("IADB: {} is {}, expected {}", what, shape_text(found), shape_text(expected));
  }
}

/// One Euler step from α = t / steps to α = (t + 1) / steps.
torch::Tensor step(Variant variant, const torch::Tensor& state, const torch::Tensor& prediction,
                   std::int64_t t, std::int64_t steps) {
  const double n = static_cast<double>(steps);
  const double index = static_cast<double>(t);
  if (variant == Variant::D) {
    return state + prediction * (1.0 / n);
  }
  const double remaining = (1.0 - (index + 1.0) / n) / (1.0 - index / n);
  return prediction + remaining * (state - prediction);
}

}  // namespace

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

torch::Tensor sample_euler(const SamplerOptions& options, const Network& network, const torch::Tensor& base,
                           const StepHook& hook) {
  if (options.steps < 1) {
    fail<DiffusionError>("IADB: {} steps were asked for, expected at least 1", options.steps);
  }
  if (!base.defined() || base.dim() < 1) {
    fail<DiffusionError>("IADB: the base is {}, expected [batch, ...]", shape_text(base));
  }
  const torch::NoGradGuard no_grad;
  torch::Tensor state = base;
  for (std::int64_t t = 0; t < options.steps; ++t) {
    throw_if_interrupted();
    const double level = static_cast<double>(t) / static_cast<double>(options.steps);
    const torch::Tensor prediction = network(state, torch::full({base.size(0)}, level, base.options()));
    require_same_shape("the network's prediction", prediction, state);
    state = step(options.variant, state, prediction, t, options.steps);
    if (hook) {
      torch::Tensor changed = hook(t + 1, state);
      require_same_shape("the state that the step hook returned", changed, state);
      state = std::move(changed);
    }
  }
  return state;
}

}  // namespace partita::diffusion
