#include "partita/baselines/nmf.hpp"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <cmath>
#include <limits>
#include <utility>

#include "background.hpp"
#include "one_thread.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/base/random.hpp"

namespace partita::baselines {
namespace {

/// scikit-learn's, in place of a denominator of zero.
constexpr float kEpsilon = std::numeric_limits<float>::epsilon();

/// Multiplies a factor by its update, and spends what makes it.
void update(const torch::Tensor& factor, const torch::Tensor& numerator, const torch::Tensor& denominator) {
  factor.mul_(numerator.div_(denominator.masked_fill_(denominator == 0.0, kEpsilon)));
}

/// The mean bin of what factors make together; the highest where they make nothing.
double centroid(const Factors& factors) {
  const torch::Tensor spectrum = factors.activations.sum(0, true).mm(factors.templates).squeeze(0);
  const torch::Tensor bin = torch::arange(spectrum.size(0), spectrum.options());
  const double total = spectrum.sum().item<double>();
  return total > 0.0 ? (spectrum * bin).sum().item<double>() / total : static_cast<double>(spectrum.size(0));
}

Factors chosen(const Factors& factors, const torch::Tensor& which) {
  const torch::Tensor index = which.nonzero().squeeze(1);
  return {factors.activations.index_select(1, index), factors.templates.index_select(0, index)};
}

/// Frames that a thread takes at once: they stay in its cache from the activations' update to the templates'.
constexpr std::int64_t kFrames = 256;

/// One round of updates in place: of the activations frame by frame, then of the templates by sums over all
/// frames. Threads meet once.
void update_both(const torch::Tensor& matrix, const Factors& factors) {
  const torch::Tensor w = factors.activations, h = factors.templates;
  const std::int64_t blocks = (matrix.size(0) + kFrames - 1) / kFrames;
  const torch::Tensor numerators = torch::empty({blocks, h.size(0), h.size(1)}, h.options());
  const torch::Tensor grams = torch::empty({blocks, h.size(0), h.size(0)}, h.options());
  const torch::Tensor turned = h.t();
  torch::Tensor gram;
  {
    const OneThread one_thread;
    gram = h.mm(turned);
  }
  at::parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    const torch::NoGradGuard no_gradient;
    for (std::int64_t i = begin; i < end; ++i) {
      const torch::Tensor frames = matrix.slice(0, i * kFrames, (i + 1) * kFrames);
      const torch::Tensor active = w.slice(0, i * kFrames, (i + 1) * kFrames);
      update(active, frames.mm(turned), active.mm(gram));
      torch::Tensor numerator = numerators[i], own_gram = grams[i];
      torch::mm_out(numerator, active.t(), frames);
      torch::mm_out(own_gram, active.t(), active);
    }
  });
  const OneThread one_thread;
  update(h, numerators.sum(0), grams.sum(0).mm(h));
}

torch::Tensor product(const Factors& factors) { return factors.activations.mm(factors.templates); }

}  // namespace

Factors random_factors(const torch::Tensor& matrix, std::int64_t templates, std::uint64_t seed) {
  if (matrix.dim() != 2 || matrix.numel() == 0 || templates < 1) {
    fail<BaselineError>("nmf: expected a matrix [frame, bin] and 1 template or more, found {} and {}",
                        c10::str(matrix.sizes()), templates);
  }
  const double level = std::sqrt(matrix.mean().item<double>() / static_cast<double>(templates));
  const auto deviates = [&](std::int64_t rows, std::int64_t columns, const char* purpose) {
    return level * torch::randn({rows, columns}, make_generator(seed, purpose)).abs();
  };
  return {deviates(matrix.size(0), templates, "nmf activations"),
          deviates(templates, matrix.size(1), "nmf templates")};
}

Factors nmf(const torch::Tensor& matrix, Factors factors, std::int64_t iterations) {
  const auto& [w, h] = factors;
  if (w.dim() != 2 || h.dim() != 2 || w.size(0) != matrix.size(0) || h.size(1) != matrix.size(1) ||
      w.size(1) != h.size(0)) {
    fail<BaselineError>("nmf: expected factors of a matrix {}, found {} and {}", c10::str(matrix.sizes()),
                        c10::str(w.sizes()), c10::str(h.sizes()));
  }
  const torch::NoGradGuard no_gradient;
  factors = {w.clone(), h.clone()};
  for (std::int64_t i = 0; i < iterations; ++i) {
    throw_if_interrupted();
    update_both(matrix, factors);
  }
  return factors;
}

torch::Tensor drums_share(const Factors& factors, int sample_rate, std::uint64_t seed,
                          const NmfOptions& options) {
  const torch::NoGradGuard no_gradient;
  const torch::Tensor timbres = template_mfccs(factors.templates, sample_rate, options.end_coefficient)
                                    .slice(1, options.first_coefficient);
  const torch::Tensor cluster = two_clusters(timbres, seed);
  const Factors first = chosen(factors, cluster == 0), second = chosen(factors, cluster == 1);
  const bool first_is_bass = centroid(first) <= centroid(second);
  const torch::Tensor drums = product(first_is_bass ? second : first);
  const torch::Tensor both = drums + product(first_is_bass ? first : second);
  return (drums / both).masked_fill(both == 0.0, 0.5);
}

Baseline nmf(const NmfOptions& options) {
  return {"nmf", 30.0, nussl_resolution, [options](const Spectrogram& spectrogram) {
            check_magnitudes("nmf", spectrogram.magnitude);
            const std::uint64_t seed = spectrogram.seed;
            const torch::Tensor frames = spectrogram.magnitude.to(torch::kCPU, torch::kFloat32).mT();
            const torch::Tensor matrix = frames.flatten(0, 1).contiguous();
            const Factors factors =
                nmf(matrix, random_factors(matrix, options.templates, seed), options.iterations);
            return drums_share(factors, spectrogram.sample_rate, seed, options).view(frames.sizes()).mT();
          }};
}

}  // namespace partita::baselines
