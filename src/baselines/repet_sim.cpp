#include "partita/baselines/repet_sim.hpp"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <vector>

#include "background.hpp"
#include "median_network.hpp"
#include "partita/base/interrupt.hpp"

namespace partita::baselines {
namespace {

constexpr double kLeastMagnitude = 1e-16;  // nussl's

/// Cosine similarities of the frames of `[bin, frame]`, 0 for silent ones: `[frame, frame]`. Those of two
/// frames are computed once.
torch::Tensor cosine_similarity(const torch::Tensor& magnitude) {
  constexpr std::int64_t kBlock = 256;
  const torch::Tensor norm = magnitude.norm(2, {0}, /*keepdim=*/true);
  const torch::Tensor unit = (magnitude / norm.masked_fill(norm == 0.0, 1.0)).t().contiguous();
  const std::int64_t frames = unit.size(0);
  torch::Tensor similarity = torch::empty({frames, frames}, unit.options());
  at::parallel_for(0, (frames + kBlock - 1) / kBlock, 1, [&](std::int64_t begin, std::int64_t end) {
    const torch::NoGradGuard no_gradient;
    for (std::int64_t i = begin * kBlock; i < std::min(frames, end * kBlock); i += kBlock) {
      const torch::Tensor own = unit.slice(0, i, i + kBlock);
      const torch::Tensor products = own.mm(unit.slice(0, i).t());
      similarity.slice(0, i, i + kBlock).slice(1, i).copy_(products);
      similarity.slice(0, i).slice(1, i, i + kBlock).copy_(products.t());
    }
  });
  return similarity;
}

/// A row whose largest value is found again fast after some of it has changed: the largest of each block of
/// values is known.
class Ranked {
 public:
  explicit Ranked(std::span<double> row) : row_(row), largest_((row.size() + kBlock - 1) / kBlock) {
    refresh(0, row.size());
  }
  /// Where the largest value stands, the first of several.
  [[nodiscard]] std::size_t peak() const {
    return *std::max_element(largest_.begin(), largest_.end(),
                             [this](std::size_t a, std::size_t b) { return row_[a] < row_[b]; });
  }
  void fill(std::size_t first, std::size_t end, double value) {
    std::fill(row_.begin() + static_cast<std::ptrdiff_t>(first),
              row_.begin() + static_cast<std::ptrdiff_t>(end), value);
    refresh(first, end);
  }

 private:
  static constexpr std::size_t kBlock = 64;

  void refresh(std::size_t first, std::size_t end) {
    for (std::size_t block = first / kBlock; block * kBlock < end; ++block) {
      const double* begin = row_.data() + block * kBlock;
      const double* stop = row_.data() + std::min(row_.size(), (block + 1) * kBlock);
      largest_[block] = static_cast<std::size_t>(std::max_element(begin, stop) - row_.data());
    }
  }

  std::span<double> row_;
  std::vector<std::size_t> largest_;  ///< where, of each block
};

/// The places of the highest values in falling order, more than `distance` frames apart, at most `count`,
/// none that is not above the lowest value and at least `threshold` of the range. Overwrites the row.
std::vector<std::int64_t> peaks(std::span<double> row, double distance, std::int64_t count,
                                double threshold) {
  Ranked ranked(row);
  const double lowest = *std::min_element(row.begin(), row.end());
  const double least = lowest + threshold * (row[ranked.peak()] - lowest);
  const auto size = static_cast<double>(row.size());
  std::vector<std::int64_t> found;
  while (static_cast<std::int64_t>(found.size()) < count) {
    const std::size_t peak = ranked.peak();
    if (row[peak] <= lowest || row[peak] < least) break;
    found.push_back(static_cast<std::int64_t>(peak));
    const auto place = static_cast<double>(peak);
    ranked.fill(static_cast<std::size_t>(std::max(0.0, std::floor(place - distance))),
                static_cast<std::size_t>(std::min(size, std::floor(place + distance + 1.0))), lowest);
  }
  return found;
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
  constexpr auto kStep = static_cast<std::int64_t>(kLanes);
  std::map<std::size_t, MedianNetwork> networks;
  for (const auto& frames : similar) networks.try_emplace(frames.size(), frames.size());
  const std::int64_t bins = magnitude.size(1);
  torch::Tensor result = magnitude.clone();
  const float* in = magnitude.data_ptr<float>();
  float* out = result.data_ptr<float>();
  at::parallel_for(0, magnitude.size(0), 16, [&](std::int64_t begin, std::int64_t end) {
    std::vector<Lanes> values;
    for (std::int64_t i = begin; i < end; ++i) {
      const auto& frames = similar[static_cast<std::size_t>(i)];
      const MedianNetwork& network = networks.at(frames.size());
      for (std::int64_t bin = 0; bin < bins && !frames.empty(); bin += kStep) {
        const std::int64_t count = std::min(kStep, bins - bin);
        values.clear();
        for (const std::int64_t frame : frames) values.push_back(load_lanes(in + frame * bins + bin, count));
        std::copy_n(network.median(values).begin(), count, out + i * bins + bin);
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
  const torch::Tensor frames = spectrogram.magnitude.to(torch::kCPU, torch::kFloat32).mT();
  for (const torch::Tensor& frame_by_bin : frames.unbind(0)) {
    throw_if_interrupted();
    const torch::Tensor channel = frame_by_bin.contiguous();
    torch::Tensor repeating = medians(channel, similar);
    masks.push_back(repeating.clamp_max_(channel).add_(kLeastMagnitude).div_(channel + kLeastMagnitude));
  }
  return torch::stack(masks).mT();
}

Baseline repet_sim(const RepetSimOptions& options) {
  return {"repet-sim", 30.0, nussl_resolution, [options](const Spectrogram& spectrogram) {
            return 1.0 - foreground(repet_sim_background(spectrogram, options), spectrogram,
                                    options.high_pass_cutoff);
          }};
}

}  // namespace partita::baselines
