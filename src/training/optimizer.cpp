#include "partita/training/optimizer.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "named_tensors.hpp"
#include "partita/base/libtorch.hpp"

namespace partita::training {
namespace {

constexpr std::int64_t kGrain = 1 << 15;  // values worth a thread

}  // namespace

AdamW::AdamW(const torch::nn::Module& module, const AdamWOptions& options) : options_(options) {
  for (const auto& item : module.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    names_.push_back(item.key());
    parameters_.push_back(item.value());
    exp_avg_.push_back(torch::zeros_like(item.value()).detach());
    exp_avg_sq_.push_back(torch::zeros_like(item.value()).detach());
  }
}

void AdamW::zero_grad(bool set_to_none) {
  if (set_to_none) {
    for (torch::Tensor& parameter : parameters_) parameter.mutable_grad().reset();
  } else if (const std::vector<torch::Tensor> all = gradients(); !all.empty()) {
    const torch::NoGradGuard no_grad;
    at::_foreach_zero_(all);
  }
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
    // On a GPU, asking would cost more than multiplying by one.
    if (scale.is_cpu() && scale.item<double>() == 1.0) return norm;
#if PARTITA_LIBTORCH_AT_LEAST(2, 1)
    at::_foreach_mul_(all, scale);
#else
    for (torch::Tensor& gradient : all) gradient.mul_(scale);
#endif
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

/// What an update multiplies by.
struct AdamW::Rates {
  double beta1, beta2, decay, root_correction, epsilon, step;

  Rates(const AdamWOptions& options, double learning_rate, std::int64_t steps)
      : beta1(options.beta1),
        beta2(options.beta2),
        decay(1.0 - learning_rate * options.weight_decay),
        root_correction(std::sqrt(1.0 - std::pow(options.beta2, static_cast<double>(steps)))),
        epsilon(options.epsilon),
        step(learning_rate / (1.0 - std::pow(options.beta1, static_cast<double>(steps)))) {}
};

namespace {

bool one_pass(const torch::Tensor& tensor) {
  return tensor.scalar_type() == torch::kFloat32 && tensor.is_contiguous();
}

/// Whether LibTorch has its own update in one pass there.
bool has_fused_update(torch::Device device) {
  return (device.is_cuda() && PARTITA_LIBTORCH_AT_LEAST(2, 0)) ||
         (device.is_cpu() && PARTITA_LIBTORCH_AT_LEAST(2, 4));
}

}  // namespace

void AdamW::step(double learning_rate) {
  const torch::NoGradGuard no_grad;
  const Active active(*this);
  ++steps_;
  if (active.parameter.empty()) return;
  const Rates rates(options_, learning_rate, steps_);
  const auto fits = [&](const std::vector<torch::Tensor>& all) {
    return std::all_of(all.begin(), all.end(), one_pass);
  };
  if (options_.fused && fits(active.parameter) && fits(active.gradient)) {
    const torch::Device device = active.parameter.front().device();
    if (has_fused_update(device)) return update_fused(active, learning_rate);
    if (device.is_cpu()) return update_each(active, rates);
  }
  if (options_.weight_decay != 0.0) at::_foreach_mul_(active.parameter, rates.decay);
  at::_foreach_mul_(active.first, rates.beta1);
  at::_foreach_add_(active.first, active.gradient, 1.0 - rates.beta1);
  at::_foreach_mul_(active.second, rates.beta2);
  at::_foreach_addcmul_(active.second, active.gradient, active.gradient, 1.0 - rates.beta2);
  std::vector<torch::Tensor> denominator = at::_foreach_sqrt(active.second);
  at::_foreach_div_(denominator, rates.root_correction);
  at::_foreach_add_(denominator, rates.epsilon);
  at::_foreach_addcdiv_(active.parameter, active.first, denominator, -rates.step);
}

/// Ours, on CPUs: every value is read and written once.
void AdamW::update_each(const Active& active, const Rates& rates) const {
  const auto beta1 = static_cast<float>(rates.beta1), beta2 = static_cast<float>(rates.beta2);
  const auto rest1 = static_cast<float>(1.0 - rates.beta1), rest2 = static_cast<float>(1.0 - rates.beta2);
  const auto decay = static_cast<float>(rates.decay), step = static_cast<float>(rates.step);
  const auto root = static_cast<float>(1.0 / rates.root_correction);
  const auto epsilon = static_cast<float>(rates.epsilon);
  for (std::size_t i = 0; i < active.parameter.size(); ++i) {
    float* parameter = active.parameter[i].data_ptr<float>();
    const float* gradient = active.gradient[i].data_ptr<float>();
    float* first = active.first[i].data_ptr<float>();
    float* second = active.second[i].data_ptr<float>();
    at::parallel_for(0, active.parameter[i].numel(), kGrain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t at = begin; at < end; ++at) {
        first[at] = beta1 * first[at] + rest1 * gradient[at];
        second[at] = beta2 * second[at] + rest2 * gradient[at] * gradient[at];
        parameter[at] = decay * parameter[at] - step * first[at] / (std::sqrt(second[at]) * root + epsilon);
      }
    });
  }
}

/// LibTorch's.
void AdamW::update_fused(const Active& active, double learning_rate) const {
#if PARTITA_LIBTORCH_AT_LEAST(2, 0)
  const torch::Tensor& any = active.parameter.front();
  const torch::Tensor steps =
      torch::full({}, static_cast<double>(steps_), any.options().requires_grad(false));
  at::_fused_adamw_(active.parameter, active.gradient, active.first, active.second, {},
                    std::vector<torch::Tensor>(active.parameter.size(), steps), learning_rate, options_.beta1,
                    options_.beta2, options_.weight_decay, options_.epsilon, /*amsgrad=*/false,
                    /*maximize=*/false);
#else
  static_cast<void>(active);
  static_cast<void>(learning_rate);
#endif
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
