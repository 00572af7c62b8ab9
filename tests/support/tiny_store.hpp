#pragma once

#include <filesystem>

#include "partita/base/random.hpp"
#include "partita/codec/codec.hpp"
#include "partita/data/store.hpp"

namespace partita::support {

constexpr std::int64_t kTinyClipFrames = 64;
constexpr std::int64_t kTinyClipSamples = kTinyClipFrames * 320;

/// A latent store of drums and bass that are noise, all of its clips, which are of the test split, kept as
/// audio.
inline void write_tiny_store(const std::filesystem::path& folder, std::int64_t clips, bool audio = true) {
  const torch::Tensor noise = 0.1 * torch::randn({clips, 2, kTinyClipSamples}, make_generator(3, "clips"));
  const auto codec = codec::make_codec("mel");
  const torch::Tensor mixtures = noise.mean(1);
  data::StoreWriter writer(folder, {"mel", 24000, 128, kTinyClipFrames, {"drums", "bass"}, 0});
  writer.add("test", codec->encode(mixtures.unsqueeze(1)),
             torch::stack({codec->encode(noise.narrow(1, 0, 1)), codec->encode(noise.narrow(1, 1, 1))}, 1),
             audio ? mixtures : torch::Tensor(), audio ? noise : torch::Tensor());
  writer.finish();
}

}  // namespace partita::support
