#include "partita/baselines/hpss.hpp"

#include <torch/types.h>

#include <limits>
#include <vector>

#include "partita/base/interrupt.hpp"
#include "running.hpp"

namespace partita::baselines {
namespace {

/// librosa.util.softmask: x^p / (x^p + r^p), computed on ratios to the larger of the two; one half
/// where both vanish.
torch::Tensor soft_mask(const torch::Tensor& x, const torch::Tensor& reference, double power) {
  const torch::Tensor larger = torch::maximum(x, reference);
  torch::Tensor share = (x / larger).pow_(power);
  share.div_((reference / larger).pow_(power).add_(share));
  return share.masked_fill_(larger < std::numeric_limits<float>::min(), 0.5);
}

/// Percussive masks `[channel, frame, bin]` of magnitudes laid so.
torch::Tensor percussive_mask(const torch::Tensor& frames, const HpssOptions& options) {
  std::vector<torch::Tensor> masks;
  for (const torch::Tensor& channel : frames.unbind(0)) {
    throw_if_interrupted();
    const torch::Tensor harmonic = running_median(channel.contiguous(), options.harmonic_kernel);
    const torch::Tensor percussive = running_median(channel.t().contiguous(), options.percussive_kernel);
    masks.push_back(soft_mask(percussive.t().contiguous(), harmonic, options.power));
  }
  return torch::stack(masks);
}

void check_kernels(const HpssOptions& options) {
  if (options.harmonic_kernel % 2 == 0 || options.percussive_kernel % 2 == 0 || options.harmonic_kernel < 1 ||
      options.percussive_kernel < 1) {
    fail<BaselineError>("hpss: the median kernels must be odd and positive, found {} and {}",
                        options.harmonic_kernel, options.percussive_kernel);
  }
}

}  // namespace

torch::Tensor hpss_masks(const torch::Tensor& magnitude, const HpssOptions& options) {
  check_magnitudes("hpss", magnitude);
  check_kernels(options);
  const torch::NoGradGuard no_gradient;
  const torch::Tensor frames = magnitude.to(torch::kCPU, torch::kFloat32).mT();
  const torch::Tensor percussive = percussive_mask(frames, options).mT();
  return torch::stack({percussive, 1.0 - percussive});
}

Baseline hpss(const HpssOptions& options) {
  check_kernels(options);
  return {"hpss", 20.0,
          [options](int) {
            return audio::StftOptions{options.window, options.hop};
          },
          [options](const Spectrogram& spectrogram) {
            check_magnitudes("hpss", spectrogram.magnitude);
            return percussive_mask(spectrogram.magnitude.mT(), options).mT();
          }};
}

}  // namespace partita::baselines
