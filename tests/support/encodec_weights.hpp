#pragma once

#include <fmt/format.h>
#include <torch/types.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "../../src/io/crc.hpp"
#include "partita/codec/encodec.hpp"
#include "partita/io/safetensors.hpp"
#include "support/paths.hpp"

/// The pseudo-random weights and signals of scripts/golden/encodec_package.py, to the last bit.
namespace partita::support {

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

/// offset + scale · u, u in [−1, 1) from splitmix64 of an index, offset by the CRC-32 of the name.
inline torch::Tensor uniform(const std::string& name, const std::vector<std::int64_t>& shape, double offset,
                             double scale) {
  torch::Tensor values = torch::empty(shape);
  auto* out = values.data_ptr<float>();
  const std::uint64_t start = static_cast<std::uint64_t>(io::crc32(name)) << 32U;
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    std::uint64_t x = static_cast<std::uint64_t>(i + 1) * 0x9E3779B97F4A7C15U + start;
    x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
    x ^= x >> 31U;
    const double u = static_cast<double>(x >> 40U) / 8388608.0 - 1.0;
    out[i] = static_cast<float>(offset + scale * u);
  }
  return values;
}

/// The mean and the largest deviation of a weight.
inline std::pair<double, double> offset_and_scale(const std::string& name, const Shapes& shapes) {
  const auto ends = [&](const char* end) { return name.ends_with(end); };
  const bool transposed = name.find("convtr") != std::string::npos;
  const auto shape = shapes.at(name);
  const auto size = [&](std::size_t axis) { return static_cast<double>(shape.at(axis)); };
  if (ends("inited") || ends("cluster_size")) return {1.0, 0.0};
  if (ends(".embed") || ends(".embed_avg")) {
    double scale = 0.5;
    const int layer = std::stoi(name.substr(std::string("quantizer.vq.layers.").size()));
    for (int i = 0; i < layer; ++i) scale *= 0.96;
    return {0.0, scale};
  }
  if (ends("weight_g")) {
    const auto v = shapes.at(name.substr(0, name.size() - 1) + "v");
    const double gain = transposed ? std::sqrt(static_cast<double>(v[1] * v[2]) / (2.0 * size(0))) : 1.0;
    return {gain, 0.2 * gain};
  }
  if (ends("weight_v")) return {0.0, 1.0};
  if (ends("norm.weight")) return {1.0, 0.2};
  if (transposed && ends("weight")) return {0.0, std::sqrt(3.0 / (2.0 * size(0)))};
  if (shape.size() == 3) return {0.0, std::sqrt(3.0 / (size(1) * size(2)))};
  if (name.find(".lstm.weight") != std::string::npos) return {0.0, 1.0 / std::sqrt(size(1))};
  return {0.0, 0.1};  // biases
}

/// Lines "name 1x2x3".
inline Shapes read_shapes(const std::filesystem::path& file) {
  std::ifstream stream(file);
  Shapes shapes;
  std::string name, sizes;
  while (stream >> name >> sizes) {
    std::stringstream parts(sizes);
    for (std::string size; std::getline(parts, size, 'x');) shapes[name].push_back(std::stoll(size));
  }
  return shapes;
}

/// The state dict of the official package's model: `width` is "small" or "full".
inline io::TensorMap encodec_weights(const std::string& name, const std::string& width) {
  const Shapes shapes = read_shapes(golden_path(fmt::format("{}_{}.txt", name, width)));
  io::TensorMap weights;
  for (const auto& [key, shape] : shapes) {
    const auto [offset, scale] = offset_and_scale(key, shapes);
    weights.emplace(key, uniform(key, shape, offset, scale));
  }
  return weights;
}

inline codec::EncodecOptions encodec_options(const std::string& name, const std::string& width) {
  codec::EncodecOptions options = codec::encodec_options(name);
  if (width == "small") {
    options.filters = 4;
    options.dimension = 16;
  }
  return options;
}

inline codec::Encodec random_encodec(const std::string& name, const std::string& width,
                                     double bandwidth = 0.0) {
  return {encodec_options(name, width), encodec_weights(name, width), bandwidth};
}

/// Noise whose level is noise, held for 50 samples each: `[1, channels, samples]`.
inline torch::Tensor noisy_signal(int channels, std::int64_t samples) {
  std::vector<torch::Tensor> rows;
  for (int channel = 0; channel < channels; ++channel) {
    const auto part = [&](const char* kind, std::int64_t count) {
      return uniform(fmt::format("signal/{}/{}/{}", samples, channel, kind), {count}, 0.0, 1.0)
          .to(torch::kFloat64);
    };
    const torch::Tensor level = part("level", samples / 50 + 1).repeat_interleave(50).narrow(0, 0, samples);
    rows.push_back((0.5 * part("fine", samples) * level).to(torch::kFloat32));
  }
  return torch::stack(rows).unsqueeze(0);
}

}  // namespace partita::support
