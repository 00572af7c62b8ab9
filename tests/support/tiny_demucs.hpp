#pragma once

#include <filesystem>
#include <string>

#include "partita/baselines/demucs.hpp"
#include "partita/io/model_folder.hpp"

namespace partita::support {

inline baselines::DemucsOptions tiny_demucs_options() {
  baselines::DemucsOptions options;
  options.sources = {"bass", "drums"};
  options.audio_channels = 1;
  options.sample_rate = 24000;
  options.channels = 4;
  options.depth = 3;
  options.resample = false;
  options.normalize = true;
  return options;
}

/// A model folder of kind "demucs" with random weights.
inline void write_tiny_demucs(const std::filesystem::path& folder, const std::string& name) {
  torch::manual_seed(8);
  const baselines::DemucsOptions options = tiny_demucs_options();
  const baselines::Demucs network(options);
  io::write_model_folder(
      folder,
      "name = \"" + name +
          "\"\nkind = \"demucs\"\ncomponents = [\"bass\", \"drums\"]\nsample_rate = 24000\n"
          "audio_channels = 1\n" +
          to_toml(options),
      io::state_of(*network));
}

}  // namespace partita::support
