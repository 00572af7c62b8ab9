#include <fmt/ranges.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "partita/io/safetensors.hpp"
#include "safetensors_header.hpp"

namespace partita::io {
namespace {

/// The module's own tensors, not copies. Absent ones (a layer without bias) are left out.
TensorMap tensors_of(const torch::nn::Module& module) {
  TensorMap result;
  for (const auto& item : module.named_parameters()) {
    if (item.value().defined()) result.emplace(item.key(), item.value());
  }
  for (const auto& item : module.named_buffers()) {
    if (item.value().defined()) result.emplace(item.key(), item.value());
  }
  return result;
}

/// Why `found` cannot be copied into `expected`; empty if it can.
std::string mismatch(const torch::Tensor& expected, const torch::Tensor& found) {
  if (!found.defined()) return "is undefined";
  if (expected.sizes() != found.sizes()) {
    return fmt::format("has shape {}, expected {}", shape_text(found.sizes()), shape_text(expected.sizes()));
  }
  const bool both_floating = expected.is_floating_point() && found.is_floating_point();
  if (!both_floating && expected.scalar_type() != found.scalar_type()) {
    return fmt::format("is {}, expected {}", c10::toString(found.scalar_type()),
                       c10::toString(expected.scalar_type()));
  }
  return {};
}

std::vector<std::string> faults_of(const TensorMap& expected, const TensorMap& state) {
  std::vector<std::string> faults;
  for (const auto& [name, tensor] : expected) {
    const auto found = state.find(name);
    if (found == state.end()) {
      faults.push_back(fmt::format("'{}' is missing", name));
    } else if (const std::string fault = mismatch(tensor, found->second); !fault.empty()) {
      faults.push_back(fmt::format("'{}' {}", name, fault));
    }
  }
  for (const auto& [name, tensor] : state) {
    if (expected.count(name) == 0) faults.push_back(fmt::format("'{}' is unexpected", name));
  }
  return faults;
}

}  // namespace

TensorMap state_of(const torch::nn::Module& module) {
  TensorMap state = tensors_of(module);
  for (auto& [name, tensor] : state) tensor = tensor.detach();
  return state;
}

void load_state(torch::nn::Module& module, const TensorMap& state, std::string_view what) {
  const TensorMap own = tensors_of(module);
  const std::vector<std::string> faults = faults_of(own, state);
  if (!faults.empty()) {
    fail<IoError>("{} does not fit the model: {}; check that the weights belong to this architecture", what,
                  fmt::join(faults, "; "));
  }
  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : own) torch::Tensor(tensor).copy_(state.at(name));
}

TensorMap select(const TensorMap& tensors, std::string_view prefix) {
  const std::string start = std::string(prefix) + ".";
  TensorMap result;
  for (auto it = tensors.lower_bound(start); it != tensors.end() && it->first.starts_with(start); ++it) {
    result.emplace(it->first.substr(start.size()), it->second);
  }
  return result;
}

TensorMap with_prefix(const TensorMap& tensors, std::string_view prefix) {
  TensorMap result;
  for (const auto& [name, tensor] : tensors) result.emplace(fmt::format("{}.{}", prefix, name), tensor);
  return result;
}

}  // namespace partita::io
