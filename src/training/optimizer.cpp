#include "partita/training/optimizer.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "named_tensors.hpp"

namespace partita::training {

AdamW::AdamW(const torch::nn::Module& module, const AdamWOptions& options) : options_(options) {
  for (const auto& item : module.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    names_.push_back(item.key());
    parameters_.push_back(item.value());
    exp_avg_.push_back(torch::zeros_like(item.value()).detach());
    exp_avg_sq_.push_back(torch::zeros_like(item.value()).detach());
  }
}

void AdamW::zero_grad() {
  for (torch::Tensor& parameter : parameters_) parameter.mutable_grad().reset();
}

std::vector<torch::Tensor> AdamW::gradients() const {
  std::vector<torch::Tensor> gradients;
  gradients.reserve(parameters_.size());
  for (const torch::Tensor& parameter : parameters_) {
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  }
  return gradients;
}

torch::Tensor AdamW::clip_gradients(double max_norm) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> all = gradients();
  if (all.empty()) return torch::zeros({});
  torch::Tensor norm = torch::stack(at::_foreach_norm(all)).norm();
  if (max_norm > 0.0) {
    const torch::Tensor scale = (max_norm / (norm + 1e-6)).clamp_max(1.0);
    for (torch::Tensor& gradient : all) gradient.mul_(scale);
  }
  return norm;
}

/// The tensors of the parameters that have a gradient.
struct AdamW::Active {
  std::vector<torch::Tensor> parameter, gradient, first, second;

  explicit Active(const AdamW& optimizer) {
    for (std::size_t i = 0; i < optimizer.parameters_.size(); ++i) {
      const torch::Tensor& gradient_i = optimizer.parameters_[i].grad();
      if (!gradient_i.defined()) continue;
      parameter.push_back(optimizer.parameters_[i]);
      gradient.push_back(gradient_i);
      first.push_back(optimizer.exp_avg_[i]);
      second.push_back(optimizer.exp_avg_sq_[i]);
    }
  }
};

void AdamW::step(double learning_rate) {
  const torch::NoGradGuard no_grad;
  const Active active(*this);
  ++steps_;
  if (active.parameter.empty()) return;
  const double correction1 = 1.0 - std::pow(options_.beta1, static_cast<double>(steps_));
  const double correction2 = 1.0 - std::pow(options_.beta2, static_cast<double>(steps_));
  if (options_.weight_decay != 0.0) {
    at::_foreach_mul_(active.parameter, 1.0 - learning_rate * options_.weight_decay);
  }
  at::_foreach_mul_(active.first, options_.beta1);
  at::_foreach_add_(active.first, active.gradient, 1.0 - options_.beta1);
  at::_foreach_mul_(active.second, options_.beta2);
  at::_foreach_addcmul_(active.second, active.gradient, active.gradient, 1.0 - options_.beta2);
  std::vector<torch::Tensor> denominator = at::_foreach_sqrt(active.second);
  at::_foreach_div_(denominator, std::sqrt(correction2));
  at::_foreach_add_(denominator, options_.epsilon);
  at::_foreach_addcdiv_(active.parameter, active.first, denominator, -learning_rate / correction1);
}

io::TensorMap AdamW::state() const {
  io::TensorMap state;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    state.emplace("exp_avg." + names_[i], exp_avg_[i]);
    state.emplace("exp_avg_sq." + names_[i], exp_avg_sq_[i]);
  }
  return state;
}

void AdamW::load_state(const io::TensorMap& state, std::int64_t steps) {
  copy_named(state, this->state(), "optimiser state");
  steps_ = steps;
}

double learning_rate(const Stage& stage, std::int64_t step) {
  if (step < stage.warmup_steps) {
    return stage.learning_rate * static_cast<double>(step + 1) / static_cast<double>(stage.warmup_steps);
  }
  const auto length = static_cast<double>(std::max<std::int64_t>(1, stage.steps - stage.warmup_steps));
  const double place = std::min(1.0, static_cast<double>(step - stage.warmup_steps) / length);
  const double fall = 0.5 * (1.0 + std::cos(std::numbers::pi * place));
  return stage.final_learning_rate + (stage.learning_rate - stage.final_learning_rate) * fall;
}

}  // namespace partita::training
