#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>
#include <unistd.h>

#include <filesystem>
#include <numbers>
#include <string>

#include "partita/base/random.hpp"
#include "partita/codec/codec.hpp"
#include "partita/data/store.hpp"
#include "partita/io/config.hpp"
#include "support/tiny_networks.hpp"

namespace partita::training::fixtures {

/// An empty folder of this test alone, removed at its end.
class Folder {
 public:
  Folder() {
    const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::temp_directory_path() /
            fmt::format("partita-{}-{}-{}", ::getpid(), test->test_suite_name(), test->name());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

constexpr std::int64_t kChannels = 8;
constexpr std::int64_t kFrames = 24;

inline torch::Tensor random_latents(std::int64_t clips, std::uint64_t seed) {
  return torch::rand({clips, kChannels, kFrames}, make_generator(seed, "test latents"));
}

/// A store of non-negative latents without stems: 10 training clips, 4 validation clips.
inline std::filesystem::path write_store(const Folder& folder,
                                         const torch::Tensor& train = random_latents(10, 1)) {
  data::StoreInfo info;
  info.codec = "mel";
  info.sample_rate = 24000;
  info.latent_dim = kChannels;
  info.clip_frames = kFrames;
  data::StoreWriter writer(folder / "store", info);
  writer.add("train", train, {}, {}, {});
  writer.add("validation", random_latents(4, 2), {}, {}, {});
  writer.finish();
  return folder / "store";
}

/// A tiny model with dropout and latent noise on; `training` adds keys to [training].
inline std::string configuration(const std::filesystem::path& store, const std::filesystem::path& output,
                                 const std::string& training) {
  return fmt::format(R"([data]
store = "{}"

[training]
output = "{}"
batch_size = 4
crop_frames = 16
log_every = 1
warmup_steps = 1
learning_rate = 1e-3
gradient_clip = 1.0
ema_decay = 0.9
seed = 7
{}

[model]
comp_function = "sum"
component_activation = "softplus"
latent_noise = 0.05

{})",
                     store.string(), output.string(), training,
                     support::to_toml({kChannels, 16, 16, 32, 0.2}));
}

/// `text` with the first `from` made `to`, which must be in it.
inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

/// For runs that are compared though they differ by rounding: of a bias before a normalisation the gradient
/// is nothing but rounding, which Adam blows up.
inline std::string without_norm(const std::string& text) {
  return replaced(text, "[model.unet]\n", "[model.unet]\nnorm = \"none\"\n");
}

/// The model draws nothing at random.
inline std::string without_draws(const std::string& text) {
  return replaced(replaced(text, "p_drop = 0.2", "p_drop = 0.0"), "latent_noise = 0.05",
                  "latent_noise = 0.0");
}

/// Plucked chords of two sines at 24 kHz, `[clip, sample]`.
inline torch::Tensor chords(std::int64_t clips, std::int64_t samples, std::uint64_t seed) {
  const torch::Generator random = make_generator(seed, "chords");
  const torch::Tensor time = torch::arange(samples, torch::kFloat32) / 24000.0;
  const torch::Tensor pitch = 100.0 * torch::pow(8.0, torch::rand({clips, 2, 1}, random));
  const torch::Tensor waves = torch::sin(2.0 * std::numbers::pi * pitch * time).mean(1);
  return 0.5 * waves * torch::exp(-3.0 * time);
}

/// A store of mixtures that keeps the audio of all its clips, `[clip, sample]`, in whole frames.
inline void write_sounds(const std::filesystem::path& store, const torch::Tensor& train,
                         const torch::Tensor& validation) {
  const auto codec = codec::make_codec("mel@griffin-lim");
  data::StoreInfo info{"mel", 24000, 128, train.size(1) / codec->hop(), {}, 0};
  data::StoreWriter writer(store, info);
  writer.add("train", codec->encode(train.unsqueeze(1)), {}, train, {});
  writer.add("validation", codec->encode(validation.unsqueeze(1)), {}, validation, {});
  writer.finish();
}

/// A tiny vocoder; `training` adds keys to [training], `more` tables and keys after [vocoder]'s.
inline std::string vocoder_configuration(const std::filesystem::path& store,
                                         const std::filesystem::path& output, const std::string& training,
                                         const std::string& more = {}) {
  return fmt::format(R"([data]
store = "{}"
[training]
output = "{}"
name = "tiny-vocoder"
batch_size = 2
crop_frames = 8
log_every = 1
learning_rate = 2e-3
{}
[vocoder]
channels = 8
blocks = 1
kernel = 3
expansion = 16
{}
)",
                     store.string(), output.string(), training, more);
}

/// A tiny prior of a decomposition of two components; `training` adds keys to [training], `masking` to
/// [masking].
inline std::string prior_configuration(const std::filesystem::path& store, const std::filesystem::path& model,
                                       const std::filesystem::path& output, const std::string& training,
                                       const std::string& masking) {
  return fmt::format(R"([data]
store = "{}"
[training]
output = "{}"
name = "with-prior"
batch_size = 4
crop_frames = 16
log_every = 1
ema_decay = 0.9
{}
[masking]
decomposition = "{}"
{}
[prior.unet]
channels = [2, 16, 16]
kernels = [3, 3]
strides = [2, 2]
attn = [0, 0]
cond_dim = 16
tcond_dim = 2
)",
                     store.string(), output.string(), training, model.string(), masking);
}

/// Two sources at 8 kHz, held notes of an octave each, one high, one low, `[clip, source, sample]`.
inline torch::Tensor stems(std::int64_t clips, std::int64_t samples, std::uint64_t seed) {
  const torch::Generator random = make_generator(seed, "stems");
  const torch::Tensor time = torch::arange(samples, torch::kFloat32) / 8000.0;
  const torch::Tensor lowest = torch::tensor({700.0F, 100.0F}).view({1, 2, 1});
  const torch::Tensor pitch = lowest * torch::pow(2.0, torch::rand({clips, 2, 1}, random));
  const torch::Tensor start = torch::rand({clips, 2, 1}, random);
  return 0.2 * torch::sin(2.0 * std::numbers::pi * (pitch * time + start));
}

/// A store of drums and bass at 8 kHz, `[clip, source, sample]`, in frames of 320 samples; it keeps audio and
/// next to nothing as latents.
inline void write_stems(const std::filesystem::path& store, const torch::Tensor& train,
                        const torch::Tensor& validation) {
  data::StoreInfo info{"mel", 8000, 1, train.size(2) / 320, {"drums", "bass"}, 0};
  info.source_latents = false;
  data::StoreWriter writer(store, info);
  const auto add = [&](const char* split, const torch::Tensor& clips) {
    writer.add(split, torch::zeros({clips.size(0), 1, info.clip_frames}), {}, clips.mean(1), clips);
  };
  add("train", train);
  add("validation", validation);
  writer.finish();
}

/// A tiny Demucs; `training` adds keys to [training], `more` tables after [demucs]'s keys.
inline std::string demucs_configuration(const std::filesystem::path& store,
                                        const std::filesystem::path& output, const std::string& training,
                                        const std::string& more = {}) {
  return fmt::format(R"([data]
store = "{}"
[training]
output = "{}"
name = "tiny-demucs"
batch_size = 4
crop_frames = 4
log_every = 1
learning_rate = 3e-3
weight_decay = 0.0
seed = 5
{}
[demucs]
channels = 8
depth = 3
resample = false
normalize = true
{}
)",
                     store.string(), output.string(), training, more);
}

inline io::Config parsed(const std::string& text) { return io::Config::parse(text, "test configuration"); }

}  // namespace partita::training::fixtures
