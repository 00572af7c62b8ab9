#include "partita/baselines/repet_sim.hpp"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "background.hpp"
#include "partita/base/interrupt.hpp"

namespace partita::baselines {
namespace {

constexpr double kLeastMagnitude = 1e-16;  // nussl's

/// Cosine similarities of the frames of `[bin, frame]`, 0 for silent ones: `[frame, frame]`.
torch::Tensor cosine_similarity(const torch::Tensor& magnitude) {
  const torch::Tensor norm = magnitude.norm(2, {0}, /*keepdim=*/true);
  const torch::Tensor unit = magnitude / norm.masked_fill(norm == 0.0, 1.0);
  return unit.t().mm(unit);
}

/// The places of the highest values in falling order, more than `distance` frames apart, at most `count`,
/// none that is not above the lowest value and at least `threshold` of the range. Overwrites the row.
std::vector<std::int64_t> peaks(std::span<double> row, double distance, std::int64_t count,
                                double threshold) {
  const auto [low, high] = std::minmax_element(row.begin(), row.end());
  const double lowest = *low, least = lowest + threshold * (*high - lowest);
  const auto size = static_cast<double>(row.size());
  std::vector<std::int64_t> found;
  while (static_cast<std::int64_t>(found.size()) < count) {
    const auto peak = std::max_element(row.begin(), row.end());
    if (*peak <= lowest || *peak < least) break;
    found.push_back(peak - row.begin());
    const auto place = static_cast<double>(found.back());
    const auto first = static_cast<std::ptrdiff_t>(std::max(0.0, std::floor(place - distance)));
    const auto end = static_cast<std::ptrdiff_t>(std::min(size, std::floor(place + distance + 1.0)));
    std::fill(row.begin() + first, row.begin() + end, lowest);
  }
  return found;
}

/// The median of values that may be reordered; the mean of the middle two of an even number.
float median(std::vector<float>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return 0.5F * (*middle + *std::max_element(values.begin(), middle));
}

/// The frames that resemble each: the first peak is the frame itself.
std::vector<std::vector<std::int64_t>> similar_frames(const Spectrogram& spectrogram,
                                                      const RepetSimOptions& options) {
  torch::Tensor similarity = cosine_similarity(spectrogram.magnitude.to(torch::kFloat64).mean(0));
  const std::int64_t frames = similarity.size(0);
  const double distance =
      options.min_distance * spectrogram.sample_rate / static_cast<double>(spectrogram.hop);
  double* rows = similarity.data_ptr<double>();
  std::vector<std::vector<std::int64_t>> similar(static_cast<std::size_t>(frames));
  at::parallel_for(0, frames, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      auto& found = similar[static_cast<std::size_t>(i)];
      found = peaks({rows + i * frames, static_cast<std::size_t>(frames)}, distance, options.max_frames,
                    options.similarity_threshold);
      if (!found.empty()) found.erase(found.begin());
    }
  });
  return similar;
}

/// Medians of `[frame, bin]` over each frame's similar frames; a frame without any keeps its own values.
torch::Tensor medians(const torch::Tensor& magnitude, const std::vector<std::vector<std::int64_t>>& similar) {
  const std::int64_t bins = magnitude.size(1);
  torch::Tensor result = magnitude.clone();
  const float* in = magnitude.data_ptr<float>();
  float* out = result.data_ptr<float>();
  at::parallel_for(0, magnitude.size(0), 16, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> values;
    for (std::int64_t i = begin; i < end; ++i) {
      const auto& frames = similar[static_cast<std::size_t>(i)];
      for (std::int64_t bin = 0; bin < bins && !frames.empty(); ++bin) {
        values.clear();
        for (const std::int64_t frame : frames) values.push_back(in[frame * bins + bin]);
        out[i * bins + bin] = median(values);
      }
    }
  });
  return result;
}

}  // namespace

torch::Tensor repet_sim_background(const Spectrogram& spectrogram, const RepetSimOptions& options) {
  check_magnitudes("repet-sim", spectrogram.magnitude);
  if (!(options.min_distance >= 0.0) || options.max_frames < 1 || spectrogram.hop < 1) {
    fail<BaselineError>(
        "repet-sim: expected a distance of 0 s or more, 1 frame or more and a positive hop, "
        "found {}, {} and {}",
        options.min_distance, options.max_frames, spectrogram.hop);
  }
  const torch::NoGradGuard no_gradient;
  const auto similar = similar_frames(spectrogram, options);
  std::vector<torch::Tensor> masks;
  for (const torch::Tensor& channel : spectrogram.magnitude.to(torch::kCPU, torch::kFloat32).unbind(0)) {
    throw_if_interrupted();
    const torch::Tensor repeating = medians(channel.t().contiguous(), similar).t();
    masks.push_back((torch::minimum(repeating, channel) + kLeastMagnitude) / (channel + kLeastMagnitude));
  }
  return torch::stack(masks);
}

Baseline repet_sim(const RepetSimOptions& options) {
  return {"repet-sim", 30.0, nussl_resolution, [options](const Spectrogram& spectrogram) {
            return 1.0 - foreground(repet_sim_background(spectrogram, options), spectrogram,
                                    options.high_pass_cutoff);
          }};
}

}  // namespace partita::baselines
