#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "partita/nn/semantic_encoder.hpp"
#include "partita/nn/unet.hpp"
#include "support/golden.hpp"

/// The options in the golden vectors of scripts/golden/networks.py.
namespace partita::golden {

inline std::vector<bool> flags(const nlohmann::json& values) {
  std::vector<bool> result;
  for (const auto& value : values) {
    result.push_back(value.get<int>() != 0);
  }
  return result;
}

/// The reference's options as Partita's; `published` reproduces its fault (UNetOptions::factor).
inline nn::UNetOptions unet_options(const std::string& text, bool published = false) {
  const auto json = nlohmann::json::parse(text);
  nn::UNetOptions options;
  options.channels = json.at("channels").get<std::vector<std::int64_t>>();
  options.kernels = json.at("kernels").get<std::vector<std::int64_t>>();
  options.strides = json.at("strides").get<std::vector<std::int64_t>>();
  options.attn = flags(json.at("attn"));
  options.cond_dim = json.at("cond_dim");
  options.tcond_dim = json.at("tcond_dim");
  options.factor = published ? 0.0 : json.at("factor").get<double>();
  options.endpoint = published;
  options.norm = json.at("norm");
  options.activation = json.at("activation");
  options.skip_type = json.at("skip_type");
  options.p_drop = json.at("p_drop");
  options.bias = json.at("bias");
  options.use_nearest = json.at("use_nearest");
  return options;
}

inline nn::SemanticEncoderOptions encoder_options(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  nn::SemanticEncoderOptions options;
  options.kind = json.at("kind");
  options.n_comp = json.at("n_comp");
  options.in_dim = json.at("in_dim");
  options.channels = json.at("channels").get<std::vector<std::int64_t>>();
  options.kernel = json.at("kernel").get<std::vector<std::int64_t>>();
  options.strides = json.at("strides").get<std::vector<std::int64_t>>();
  options.attn = flags(json.at("attn"));
  options.activation = json.at("activation");
  options.norm = json.at("norm");
  options.out_fn = json.at("out_fn");
  options.add_gru = json.at("add_gru");
  options.bias = json.at("bias");
  options.p_drop = json.at("p_drop");
  return options;
}

}  // namespace partita::golden
