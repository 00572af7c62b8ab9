#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace partita::support {

/// Networks of a decomposition that train in no time: two levels, no attention.
struct TinyNetworks {
  std::int64_t latent_dim = 128;
  std::int64_t encoder_width = 16;
  std::int64_t middle = 32, lowest = 32;  ///< channels of the U-Net's levels
  double p_drop = 0.1;
  bool bounded = true;  ///< the encoder's output by tanh
};

/// [model.encoder] and [model.unet] of a configuration.
inline std::string to_toml(const TinyNetworks& networks) {
  return fmt::format(R"([model.encoder]
in_dim = {0}
channels = [{1}, 1]
kernel = [3, 3]
strides = [1, 1]
attn = [0, 0]
{5}
[model.unet]
channels = [{0}, {2}, {3}]
kernels = [3, 3]
strides = [2, 2]
attn = [0, 0]
cond_dim = 16
p_drop = {4:.1f}
)",
                     networks.latent_dim, networks.encoder_width, networks.middle, networks.lowest,
                     networks.p_drop, networks.bounded ? "out_fn = \"tanh\"\n" : "");
}

}  // namespace partita::support
