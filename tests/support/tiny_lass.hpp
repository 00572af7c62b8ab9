#pragma once

#include <filesystem>
#include <string>

#include "partita/base/random.hpp"
#include "partita/baselines/lass.hpp"

namespace partita::support {

/// The tables of a LASS whose training or separation takes no time.
inline std::string tiny_lass_tables() {
  return "[vqvae]\nbands = 32\nframes = 4\nchannels = 8\nblocks = 1\ncodes = 8\ndimension = 4\n"
         "[prior]\nchannels = 8\nheads = 2\nlayers = 1\n[sampling]\ncandidates = 3\n";
}

constexpr std::int64_t kTinyLassWindow = 16;

inline std::string tiny_lass_card(const std::string& components = "\"drums\", \"bass\"",
                                  const std::string& kind = "lass") {
  return "name = \"tiny-lass\"\nkind = \"" + kind + "\"\ncodec = \"mel\"\ncomponents = [" + components +
         "]\nwindow_frames = 16\n" + tiny_lass_tables();
}

/// Random networks with a codebook, and random sums.
inline std::map<std::string, io::TensorMap> tiny_lass_files() {
  torch::manual_seed(11);
  baselines::LassNetworks networks(
      baselines::lass_options(io::Config::parse(tiny_lass_tables()), kTinyLassWindow));
  networks->vqvae->forward(torch::rand({4, 128, kTinyLassWindow}));
  baselines::SumLikelihood sums(8);
  const auto random = [] { return torch::randint(8, {2000}, torch::kLong); };
  sums.count(random(), random(), random());
  return {{"model.safetensors", io::state_of(*networks)}, {baselines::kSumsFile, sums.state()}};
}

inline void write_tiny_lass(const std::filesystem::path& folder) {
  io::write_model_folder(folder, tiny_lass_card(), tiny_lass_files());
}

}  // namespace partita::support
