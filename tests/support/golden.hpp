#pragma once

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/types.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "partita/io/safetensors.hpp"
#include "support/paths.hpp"

/// Golden vectors of networks, written by scripts/golden.
namespace partita::golden {

/// Of values: 1e-5 of the peak, or absolute below a peak of 1.
constexpr double kValueTolerance = 1e-5;
/// Of a gradient, computed in double precision on both sides and kept as float32: 1e-4 of its largest entry,
/// and 1e-8 of the largest of all gradients for those that are zero, such as that of a bias before group
/// normalisation.
constexpr double kGradientTolerance = 1e-4;
constexpr double kZeroGradientTolerance = 1e-8;

using support::golden_path;

inline double peak(const torch::Tensor& x) {
  return x.numel() == 0 ? 0.0 : x.abs().max().to(torch::kFloat64).item<double>();
}

inline void expect_close(const torch::Tensor& found, const torch::Tensor& expected, const std::string& what,
                         double tolerance = kValueTolerance) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  EXPECT_LE(peak(found.detach() - expected), tolerance * std::max(1.0, peak(expected))) << what;
}

/// The same tensors in double precision.
inline io::TensorMap precise(io::TensorMap tensors) {
  for (auto& [name, tensor] : tensors) tensor = tensor.to(torch::kFloat64);
  return tensors;
}

/// Every parameter's gradient, by name.
inline void expect_gradients(const torch::nn::Module& module, const io::TensorMap& expected,
                             const std::string& what) {
  double largest = 0.0;
  for (const auto& [name, gradient] : expected) {
    largest = std::max(largest, peak(gradient));
  }
  const auto parameters = module.named_parameters();
  EXPECT_EQ(parameters.size(), expected.size()) << what;
  for (const auto& parameter : parameters) {
    const auto entry = expected.find(parameter.key());
    ASSERT_NE(entry, expected.end()) << what << ": " << parameter.key();
    const torch::Tensor& gradient = parameter.value().grad();
    ASSERT_TRUE(gradient.defined()) << what << ": " << parameter.key();
    ASSERT_EQ(gradient.sizes(), entry->second.sizes()) << what << ": " << parameter.key();
    const double tolerance = kGradientTolerance * peak(entry->second) + kZeroGradientTolerance * largest;
    EXPECT_LE(peak(gradient - entry->second), tolerance) << what << ": " << parameter.key();
  }
}

/// Names and shapes as in the reference's state_dict, and its count of parameters, from a list such as
/// paper_unet.txt.
inline void expect_names(const torch::nn::Module& module, const std::string& file) {
  std::ifstream stream(golden_path(file));
  std::string line;
  ASSERT_TRUE(std::getline(stream, line)) << file;
  std::int64_t count = 0;
  for (const auto& parameter : module.parameters()) {
    count += parameter.numel();
  }
  EXPECT_EQ(line, fmt::format("# {} parameters", count));
  std::vector<std::string> expected;
  while (std::getline(stream, line)) {
    expected.push_back(line);
  }
  std::vector<std::string> found;
  for (const auto& [name, tensor] : io::state_of(module)) {
    found.push_back(fmt::format("{} {}", name, fmt::join(tensor.sizes(), "x")));
  }
  std::sort(expected.begin(), expected.end());
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, expected);
}

}  // namespace partita::golden
