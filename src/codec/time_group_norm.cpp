#include "time_group_norm.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace partita::codec {
namespace {

constexpr std::int64_t kPartValues = 1 << 15;

struct Moments {
  double sum = 0.0, squares = 0.0;
};

/// Of consecutive values: float32 in lanes (which the compiler makes vectors of) over stretches short enough
/// not to lose digits, float64 over these.
Moments moments_of(const float* values, std::int64_t length) {
  constexpr std::int64_t kLanes = 16, kStretch = 1024;
  Moments total;
  for (std::int64_t from = 0; from < length; from += kStretch) {
    const std::int64_t until = std::min(length, from + kStretch);
    std::array<float, kLanes> sums{}, squares{};
    std::int64_t at = from;
    for (; at + kLanes <= until; at += kLanes) {
      for (std::int64_t lane = 0; lane < kLanes; ++lane) {
        const float value = values[at + lane];
        sums[static_cast<std::size_t>(lane)] += value;
        squares[static_cast<std::size_t>(lane)] += value * value;
      }
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      total.sum += sums[lane];
      total.squares += squares[lane];
    }
    for (; at < until; ++at) {
      total.sum += values[at];
      total.squares += static_cast<double>(values[at]) * values[at];
    }
  }
  return total;
}

/// What each channel is multiplied by, and what is added.
void gains_of(const std::vector<Moments>& moments, double count, const torch::Tensor& weight,
              const torch::Tensor& bias, double epsilon, std::vector<float>& gain,
              std::vector<float>& offset) {
  Moments whole;
  for (const Moments& part : moments) {
    whole.sum += part.sum;
    whole.squares += part.squares;
  }
  const double mean = whole.sum / count;
  const double deviation = std::sqrt(std::max(0.0, whole.squares / count - mean * mean) + epsilon);
  for (std::size_t channel = 0; channel < gain.size(); ++channel) {
    const double scale = weight.data_ptr<float>()[channel] / deviation;
    gain[channel] = static_cast<float>(scale);
    offset[channel] = static_cast<float>(bias.data_ptr<float>()[channel] - mean * scale);
  }
}

}  // namespace

void normalise_in_place(torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                        double epsilon) {
  const std::int64_t channels = x.size(2), length = x.size(1);
  // The parts are of one size, whatever the cores: the sums do not depend on how many there are.
  const std::int64_t part = std::max<std::int64_t>(1, kPartValues / channels);
  const std::int64_t parts = (length + part - 1) / part;
  std::vector<Moments> moments(static_cast<std::size_t>(parts));
  std::vector<float> gain(static_cast<std::size_t>(channels)), offset(gain.size());
  const auto each_part = [&](const auto& work) {
    at::parallel_for(0, parts, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t index = begin; index < end; ++index)
        work(index, index * part, std::min(part, length - index * part));
    });
  };
  for (std::int64_t item = 0; item < x.size(0); ++item) {
    float* const values = x.data_ptr<float>() + item * length * channels;
    each_part([&](std::int64_t index, std::int64_t from, std::int64_t count) {
      moments[static_cast<std::size_t>(index)] = moments_of(values + from * channels, count * channels);
    });
    gains_of(moments, static_cast<double>(length * channels), weight, bias, epsilon, gain, offset);
    each_part([&](std::int64_t /*index*/, std::int64_t from, std::int64_t count) {
      const float* const a = gain.data();
      const float* const b = offset.data();
      float* sample = values + from * channels;
      for (std::int64_t at = 0; at < count; ++at, sample += channels)
        for (std::int64_t channel = 0; channel < channels; ++channel)
          sample[channel] = a[channel] * sample[channel] + b[channel];
    });
  }
}

}  // namespace partita::codec
