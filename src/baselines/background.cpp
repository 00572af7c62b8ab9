#include "background.hpp"

#include <torch/types.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace partita::baselines {
namespace {

constexpr double kWindowSeconds = 0.032;
constexpr std::uint64_t kLeastWindow = 16;

}  // namespace

audio::StftOptions nussl_resolution(int sample_rate) {
  const auto samples = static_cast<std::uint64_t>(std::ceil(kWindowSeconds * sample_rate));
  const auto window = static_cast<std::int64_t>(std::bit_ceil(std::max(kLeastWindow, samples)));
  return {window, window / 4};
}

torch::Tensor foreground(const torch::Tensor& background, const Spectrogram& spectrogram,
                         double high_pass_cutoff) {
  const std::int64_t bins = background.size(1);
  const double width = spectrogram.sample_rate / 2.0 / static_cast<double>(bins - 1);
  const auto low = std::clamp<std::int64_t>(std::llround(high_pass_cutoff / width), 0, bins);
  torch::Tensor share = 1.0 - background;
  share.narrow(1, 0, low).zero_();
  return share.to(torch::kFloat32);
}

}  // namespace partita::baselines
