#include "partita/evaluation/codec.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "partita/audio/file.hpp"
#include "partita/audio/resample.hpp"
#include "partita/evaluation/ms_stft.hpp"

namespace partita::evaluation {
namespace {

constexpr double kLimit = 100.0;  // dB

/// `[channel, sample]` at the codec's rate; where the channels differ in number, the mean in each.
torch::Tensor read_for(const codec::Codec& codec, const std::filesystem::path& file, double seconds) {
  const audio::Waveform waveform = audio::read_waveform(file, seconds);
  torch::Tensor samples = waveform.samples;
  if (samples.size(0) != codec.channels()) {
    samples = samples.mean(0, /*keepdim=*/true).expand({codec.channels(), -1}).contiguous();
  }
  return audio::resample(samples, waveform.sample_rate, codec.sample_rate());
}

double mean_si_sdr(const torch::Tensor& estimate, const torch::Tensor& reference) {
  double sum = 0.0;
  for (std::int64_t channel = 0; channel < reference.size(0); ++channel) {
    sum += std::clamp(si_sdr(estimate[channel], reference[channel]), -kLimit, kLimit);
  }
  return sum / static_cast<double>(reference.size(0));
}

bool any_silent(const torch::Tensor& samples) {
  for (std::int64_t channel = 0; channel < samples.size(0); ++channel) {
    if (is_silent(samples[channel])) return true;
  }
  return false;
}

}  // namespace

CodecFigures evaluate_codec(codec::Codec& codec, const std::vector<std::filesystem::path>& files,
                            double seconds, Progress& progress) {
  CodecFigures figures;
  figures.codec = codec.name();
  figures.sample_rate = codec.sample_rate();
  figures.bit_rate = codec.bit_rate();
  progress.begin(codec.name(), static_cast<std::int64_t>(files.size()), "clips");
  for (const auto& file : files) {
    const torch::Tensor reference = read_for(codec, file, seconds);
    if (any_silent(reference)) {
      ++figures.silent;
    } else {
      const torch::Tensor decoded = codec.decode(codec.encode(reference.unsqueeze(0)))[0].to(torch::kCPU);
      const torch::Tensor estimate = decoded.narrow(1, 0, reference.size(1));
      figures.ms_stft += ms_stft_distance(estimate, reference);
      figures.si_sdr += mean_si_sdr(estimate, reference);
      ++figures.clips;
    }
    progress.advance(1, file.filename().string());
  }
  progress.end();
  if (figures.clips == 0) {
    fail<EvaluationError>("{}: no clip to measure: {} files, {} of them with a silent channel", figures.codec,
                          files.size(), figures.silent);
  }
  figures.ms_stft /= static_cast<double>(figures.clips);
  figures.si_sdr /= static_cast<double>(figures.clips);
  return figures;
}

io::Json to_json(const CodecFigures& figures) {
  return {{"codec", figures.codec},
          {"sample_rate", figures.sample_rate},
          {"bit_rate", figures.bit_rate ? io::Json(*figures.bit_rate) : io::Json()},
          {"ms_stft", figures.ms_stft},
          {"si_sdr", figures.si_sdr},
          {"clips", figures.clips},
          {"silent", figures.silent}};
}

std::string to_markdown(const std::vector<CodecFigures>& figures) {
  std::string table = "| codec | kbit/s | MS-STFT | SI-SDR | clips |\n|---|---|---|---|---|\n";
  for (const auto& row : figures) {
    table += fmt::format("| {} | {} | {:.2f} | {:.1f} | {} |\n", row.codec,
                         row.bit_rate ? fmt::format("{:g}", *row.bit_rate) : "–", row.ms_stft, row.si_sdr,
                         row.clips);
  }
  return table;
}

}  // namespace partita::evaluation
