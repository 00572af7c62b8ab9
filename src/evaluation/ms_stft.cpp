#include "partita/evaluation/ms_stft.hpp"

#include <array>
#include <cstdint>

namespace partita::evaluation {
namespace {

constexpr std::array<std::int64_t, 5> kWindows{2048, 1024, 512, 256, 128};
constexpr double kLogEpsilon = 1e-7;
constexpr double kLossLogEpsilon = 1e-6;
constexpr double kLossPower = 1e-6;
constexpr double kTinyPower = 1e-16;  // keeps the gradient of a magnitude finite

torch::Tensor spectrum(const torch::Tensor& samples, const torch::Tensor& window) {
  const std::int64_t size = window.size(0);
  return samples.stft(size, size / 4, size, window, /*center=*/true, "reflect",
                      /*normalized=*/false, /*onesided=*/true, /*return_complex=*/true);
}

torch::Tensor magnitudes(const torch::Tensor& samples, std::int64_t size) {
  const torch::Tensor window = torch::hann_window(size, samples.options());
  return spectrum(samples, window).abs();
}

torch::Tensor smooth_magnitudes(const torch::Tensor& samples, std::int64_t size) {
  const torch::Tensor window = torch::hann_window(size, samples.options());
  const torch::Tensor power = torch::view_as_real(spectrum(samples, window)).square().sum(-1);
  return (power / window.square().sum() + kTinyPower).sqrt();
}

void check_shapes(const torch::Tensor& estimate, const torch::Tensor& reference) {
  if (estimate.sizes() != reference.sizes() || estimate.dim() < 1 ||
      estimate.size(-1) <= kWindows.front() / 2) {
    fail<EvaluationError>(
        "MS-STFT: expected an estimate and a reference of one shape and more than {} samples, found {} and "
        "{}",
        kWindows.front() / 2, c10::str(estimate.sizes()), c10::str(reference.sizes()));
  }
}

}  // namespace

double ms_stft_distance(const torch::Tensor& estimate, const torch::Tensor& reference) {
  check_shapes(estimate, reference);
  const torch::NoGradGuard no_gradient;
  const auto rows = [](const torch::Tensor& x) { return x.reshape({-1, x.size(-1)}).to(torch::kFloat64); };
  double distance = 0.0;
  for (const std::int64_t window : kWindows) {
    const torch::Tensor found = magnitudes(rows(estimate), window);
    const torch::Tensor expected = magnitudes(rows(reference), window);
    const torch::Tensor linear = (expected - found).square().mean() / expected.square().mean();
    const torch::Tensor logarithmic =
        ((expected + kLogEpsilon).log() - (found + kLogEpsilon).log()).abs().mean();
    distance += (linear + logarithmic).item<double>();
  }
  return distance;
}

torch::Tensor ms_stft_loss(const torch::Tensor& estimate, const torch::Tensor& reference) {
  check_shapes(estimate, reference);
  torch::Tensor loss;
  for (const std::int64_t window : kWindows) {
    const torch::Tensor found = smooth_magnitudes(estimate, window);
    const torch::Tensor expected = smooth_magnitudes(reference, window);
    const torch::Tensor linear =
        (expected - found).square().mean({1, 2}) / (expected.square().mean({1, 2}) + kLossPower);
    const torch::Tensor logarithmic =
        ((expected + kLossLogEpsilon).log() - (found + kLossLogEpsilon).log()).abs().mean({1, 2});
    const torch::Tensor both = (linear + logarithmic).mean();
    loss = loss.defined() ? loss + both : both;
  }
  return loss;
}

}  // namespace partita::evaluation
