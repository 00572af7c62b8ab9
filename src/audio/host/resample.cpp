#include "partita/audio/resample.hpp"

#include <soxr.h>
#include <torch/types.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "host/sndfile.hpp"

namespace partita::audio {
namespace {

/// Frames passed to soxr at a time, which bounds its buffers.
constexpr std::int64_t kResampled = 65536;

struct SoxrDelete {
  void operator()(soxr* resampler) const { soxr_delete(resampler); }
};

std::unique_ptr<soxr, SoxrDelete> make_soxr(int from_rate, int to_rate, int channels) {
  soxr_error_t error = nullptr;
  const auto io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
  const auto quality = soxr_quality_spec(SOXR_VHQ, 0);
  const auto runtime = soxr_runtime_spec(1);
  std::unique_ptr<soxr, SoxrDelete> resampler(
      soxr_create(from_rate, to_rate, static_cast<unsigned>(channels), &error, &io, &quality, &runtime));
  if (error != nullptr || !resampler) {
    fail<AudioError>("resampling {} Hz to {} Hz: {}", from_rate, to_rate,
                     error != nullptr ? error : "soxr could not be set up");
  }
  return resampler;
}

}  // namespace

struct Resampler::Impl {
  int from_rate;
  int to_rate;
  std::int64_t channels;
  std::unique_ptr<soxr, SoxrDelete> resampler;  // null where the rates are equal
  std::int64_t consumed = 0;
  std::int64_t produced = 0;
  bool finished = false;
  std::vector<float> output;   // interleaved, of the current call
  std::vector<float> scratch;  // interleaved

  /// Feeds `frames` interleaved frames (null: the end of the stream) and appends what comes out.
  void feed(const float* input, std::int64_t frames);
  [[nodiscard]] torch::Tensor take();
};

void Resampler::Impl::feed(const float* input, std::int64_t frames) {
  std::int64_t fed = 0;
  const auto room = static_cast<std::int64_t>(scratch.size()) / channels;
  for (;;) {
    std::size_t used = 0;
    std::size_t made = 0;
    const float* rest = input == nullptr ? nullptr : input + fed * channels;
    const auto* error = soxr_process(resampler.get(), rest, static_cast<std::size_t>(frames - fed), &used,
                                     scratch.data(), static_cast<std::size_t>(room), &made);
    if (error != nullptr) {
      fail<AudioError>("resampling {} Hz to {} Hz: {}", from_rate, to_rate, error);
    }
    fed += static_cast<std::int64_t>(used);
    output.insert(output.end(), scratch.begin(),
                  scratch.begin() + static_cast<std::int64_t>(made) * channels);
    if (made == 0 && (fed >= frames || used == 0)) {
      return;
    }
  }
}

torch::Tensor Resampler::Impl::take() {
  const auto frames = static_cast<std::int64_t>(output.size()) / channels;
  auto result = torch::from_blob(output.data(), {frames, channels}, torch::kFloat32)
                    .t()
                    .clone(at::MemoryFormat::Contiguous);
  output.clear();
  produced += frames;
  return result;
}

Resampler::Resampler(int from_rate, int to_rate, int channels) {
  for (const int rate : {from_rate, to_rate}) {
    if (rate < 1 || rate > kHighestRate) {
      fail<AudioError>("resampling {} Hz to {} Hz: expected rates of 1 to {} Hz", from_rate, to_rate,
                       kHighestRate);
    }
  }
  if (channels < 1) {
    fail<AudioError>("resampling: expected 1 or more channels, found {}", channels);
  }
  impl_ = std::make_unique<Impl>();
  impl_->from_rate = from_rate;
  impl_->to_rate = to_rate;
  impl_->channels = channels;
  if (from_rate != to_rate) {
    impl_->resampler = make_soxr(from_rate, to_rate, channels);
    impl_->scratch.resize(static_cast<std::size_t>(kResampled * channels));
  }
}

Resampler::~Resampler() = default;
Resampler::Resampler(Resampler&&) noexcept = default;

torch::Tensor Resampler::process(const torch::Tensor& samples) {
  const torch::NoGradGuard no_grad;
  if (impl_->finished) {
    fail<AudioError>("resampling: process() after finish(); use a new Resampler for a new stream");
  }
  if (samples.dim() != 2 || samples.size(0) != impl_->channels || !samples.is_floating_point()) {
    fail<AudioError>("resampling: expected samples [{}, n], found {} {}", impl_->channels,
                     c10::str(samples.sizes()), c10::toString(samples.scalar_type()));
  }
  if (!impl_->resampler) {
    return samples;
  }
  const auto interleaved = samples.to(torch::kCPU, torch::kFloat32).t().contiguous();
  const std::int64_t frames = interleaved.size(0);
  const float* data = interleaved.data_ptr<float>();
  for (std::int64_t begin = 0; begin < frames; begin += kResampled) {
    impl_->feed(data + begin * impl_->channels, std::min(kResampled, frames - begin));
  }
  impl_->consumed += frames;
  return impl_->take();
}

torch::Tensor Resampler::finish() {
  const torch::NoGradGuard no_grad;
  if (impl_->finished) {
    fail<AudioError>("resampling: finish() called twice");
  }
  impl_->finished = true;
  if (!impl_->resampler || impl_->consumed == 0) {
    return torch::zeros({impl_->channels, 0});
  }
  const std::int64_t whole =
      (2 * impl_->consumed * impl_->to_rate + impl_->from_rate) / (2 * std::int64_t{impl_->from_rate});
  const std::int64_t left = std::max<std::int64_t>(0, whole - impl_->produced);
  impl_->feed(nullptr, 0);
  const auto tail = impl_->take();
  if (left <= tail.size(1)) {
    return tail.narrow(1, 0, left);
  }
  return torch::constant_pad_nd(tail, {0, left - tail.size(1)});
}

torch::Tensor resample(const torch::Tensor& samples, int from_rate, int to_rate) {
  if (samples.dim() != 2) {
    fail<AudioError>("resampling: expected samples [channel, n], found {}", c10::str(samples.sizes()));
  }
  Resampler resampler(from_rate, to_rate, static_cast<int>(samples.size(0)));
  const auto body = resampler.process(samples);
  const auto tail = resampler.finish();
  return from_rate == to_rate ? body : torch::cat({body, tail}, 1);
}

}  // namespace partita::audio
