#include "partita/training/ema.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "named_tensors.hpp"

namespace partita::training {

Ema::Ema(const torch::nn::Module& module, double decay) : decay_(decay) {
  const auto add = [this](const std::string& name, const torch::Tensor& tensor) {
    names_.push_back(name);
    live_.push_back(tensor.detach());
    average_.push_back(tensor.detach().clone());
  };
  for (const auto& item : module.named_parameters()) add(item.key(), item.value());
  parameter_count_ = names_.size();
  for (const auto& item : module.named_buffers()) add(item.key(), item.value());
}

void Ema::update(std::int64_t n) {
  const torch::NoGradGuard no_grad;
  const auto count = static_cast<double>(n);
  const double decay = std::min(decay_, (1.0 + count) / (10.0 + count));
  const at::TensorList average(average_.data(), parameter_count_);
  at::_foreach_mul_(average, decay);
  at::_foreach_add_(average, at::TensorList(live_.data(), parameter_count_), 1.0 - decay);
  for (std::size_t i = parameter_count_; i < live_.size(); ++i) average_[i].copy_(live_[i]);
}

void Ema::swap() {
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < live_.size(); ++i) {
    const torch::Tensor held = live_[i].clone();
    live_[i].copy_(average_[i]);
    average_[i].copy_(held);
  }
}

io::TensorMap Ema::state() const {
  io::TensorMap state;
  for (std::size_t i = 0; i < names_.size(); ++i) state.emplace(names_[i], average_[i]);
  return state;
}

void Ema::load_state(const io::TensorMap& state) { copy_named(state, this->state(), "averaged weights"); }

}  // namespace partita::training
