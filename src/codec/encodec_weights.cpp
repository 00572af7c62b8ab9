#include <fmt/ranges.h>

#include <array>
#include <string_view>
#include <utility>

#include "encodec_network.hpp"

namespace partita::codec {
namespace {

using Halves = std::pair<std::string_view, std::string_view>;  // magnitude and direction

/// How weight norm names the halves of a "weight": PyTorch's old and new way.
constexpr std::array<Halves, 2> kWeightNorm{
    Halves{"weight_g", "weight_v"},
    Halves{"parametrizations.weight.original0", "parametrizations.weight.original1"}};

/// What the transformers library calls parts of the official names.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kTransformersNames{{
    {"coder.model.", "coder.layers."},
    {".convtr.convtr.", ".conv."},
    {".convtr.norm.", ".norm."},
    {".conv.conv.", ".conv."},
    {".conv.norm.", ".norm."},
    {"quantizer.vq.layers.", "quantizer.layers."},
    {"._codebook.", ".codebook."},
}};

std::string transformers_name(std::string name) {
  for (const auto& [official, other] : kTransformersNames) {
    const auto at = name.find(official);
    if (at != std::string::npos) name.replace(at, official.size(), other);
  }
  return name;
}

torch::Tensor folded(const torch::Tensor& magnitude, const torch::Tensor& direction, const std::string& name,
                     const std::string& what) {
  const bool fit = magnitude.is_floating_point() && direction.is_floating_point() && direction.dim() == 3 &&
                   magnitude.sizes() == torch::IntArrayRef({direction.size(0), 1, 1});
  if (!fit) {
    fail<CodecError>(
        "{}: '{}': weight norm expects a direction [n, m, k] and magnitudes [n, 1, 1], found {} and {}", what,
        name, c10::str(direction.sizes()), c10::str(magnitude.sizes()));
  }
  return torch::_weight_norm(direction.to(torch::kFloat32), magnitude.to(torch::kFloat32), 0);
}

/// Every "….weight_g" and "….weight_v" as "….weight".
io::TensorMap fold_weight_norm(const io::TensorMap& weights, const std::string& what) {
  io::TensorMap result = weights;
  for (const auto& [g, v] : kWeightNorm) {
    for (const auto& [name, magnitude] : weights) {
      if (!name.ends_with(g)) continue;
      const std::string stem = name.substr(0, name.size() - g.size());
      const auto direction = weights.find(stem + std::string(v));
      if (direction == weights.end()) fail<CodecError>("{}: '{}' lacks its '{}{}'", what, name, stem, v);
      result.erase(name);
      result.erase(direction->first);
      if (!result.emplace(stem + "weight", folded(magnitude, direction->second, stem + "weight", what))
               .second) {
        fail<CodecError>("{}: '{}weight' is there both folded and as weight norm", what, stem);
      }
    }
  }
  return result;
}

/// Under the official names, whichever they had.
io::TensorMap official_names(const io::TensorMap& weights, const EncodecNetwork& network) {
  if (io::select(weights, "encoder.layers").empty()) return weights;
  io::TensorMap result = weights;
  for (const auto& [official, tensor] : io::state_of(network)) {
    auto entry = result.extract(transformers_name(official));
    if (entry.empty()) continue;
    entry.key() = official;
    result.insert(std::move(entry));
  }
  return result;
}

void check_finite(const EncodecNetwork& network, const std::string& what) {
  std::vector<std::string> broken;
  for (const auto& [name, tensor] : io::state_of(network)) {
    if (!torch::isfinite(tensor).all().item<bool>()) broken.push_back(name);
  }
  if (!broken.empty())
    fail<CodecError>("{}: not finite: {}; fetch the weights anew", what, fmt::join(broken, ", "));
}

}  // namespace

void load_encodec_weights(EncodecNetwork& network, const io::TensorMap& weights, const std::string& what) {
  const torch::NoGradGuard no_gradient;
  for (const auto& [name, tensor] : weights) {
    if (!tensor.defined()) fail<CodecError>("{}: '{}' is undefined", what, name);
  }
  io::load_state(network, official_names(fold_weight_norm(weights, what), network), what);
  check_finite(network, what);
}

}  // namespace partita::codec
