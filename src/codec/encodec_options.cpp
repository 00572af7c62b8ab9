#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "frame_coding.hpp"

namespace partita::codec {

std::int64_t EncodecOptions::hop() const {
  return std::accumulate(ratios.begin(), ratios.end(), std::int64_t{1}, std::multiplies<>());
}

std::int64_t EncodecOptions::stride() const {
  if (segment == 0) return 0;
  return std::max<std::int64_t>(1, static_cast<std::int64_t>((1.0 - overlap) * static_cast<double>(segment)));
}

std::int64_t EncodecOptions::codebooks(double bandwidth) const {
  if (std::find(bandwidths.begin(), bandwidths.end(), bandwidth) == bandwidths.end()) {
    fail<CodecError>("{}: no bandwidth of {:g} kbit/s: expected one of {}", name, bandwidth,
                     fmt::join(bandwidths, ", "));
  }
  const double frame_rate = std::ceil(static_cast<double>(sample_rate) / static_cast<double>(hop()));
  const double bits = std::log2(static_cast<double>(codebook_size)) * frame_rate;
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::floor(bandwidth * 1000.0 / bits)));
}

EncodecOptions encodec_options(const std::string& name) {
  EncodecOptions options;
  if (name == "encodec_24khz") return options;
  if (name != "encodec_48khz") {
    fail<CodecError>("unknown EnCodec '{}': expected encodec_24khz or encodec_48khz", name);
  }
  options.name = name;
  options.sample_rate = 48000;
  options.channels = 2;
  options.causal = false;
  options.segment = 48000;
  options.overlap = 0.01;
  options.bandwidths = {3.0, 6.0, 12.0, 24.0};
  return options;
}

void check_samples(const torch::Tensor& samples, const EncodecOptions& options) {
  if (samples.dim() != 3 || samples.size(0) < 1 || samples.size(1) != options.channels ||
      !samples.is_floating_point()) {
    fail<CodecError>("{}: expected samples [batch, {}, sample] in floating point, found {} {}", options.name,
                     options.channels, c10::toString(samples.scalar_type()), c10::str(samples.sizes()));
  }
}

}  // namespace partita::codec
