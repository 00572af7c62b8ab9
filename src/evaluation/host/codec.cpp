#include "partita/evaluation/codec.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/codec_input.hpp"
#include "partita/evaluation/ms_stft.hpp"

namespace partita::evaluation {
namespace {

constexpr double kMostDecibels = 100.0;  // dB

double mean_si_sdr(const torch::Tensor& estimate, const torch::Tensor& reference) {
  double sum = 0.0;
  for (std::int64_t channel = 0; channel < reference.size(0); ++channel) {
    sum += std::clamp(si_sdr(estimate[channel], reference[channel]), -kMostDecibels, kMostDecibels);
  }
  return sum / static_cast<double>(reference.size(0));
}

/// Sounds at the codec's rate and channels, `[channel, sample]`, by number.
struct Sounds {
  std::vector<std::string> names;
  std::function<torch::Tensor(std::size_t)> read;
};

CodecFigures evaluate_sounds(codec::Codec& codec, const Sounds& sounds, Progress& progress,
                             const std::function<void(const torch::Tensor&)>& use) {
  const torch::NoGradGuard no_gradient;
  CodecFigures figures;
  figures.codec = codec.name();
  figures.sample_rate = codec.sample_rate();
  figures.bit_rate = codec.bit_rate();
  Sample ms_stft, si_sdr;
  progress.begin(codec.name(), static_cast<std::int64_t>(sounds.names.size()), "clips");
  for (std::size_t i = 0; i < sounds.names.size(); ++i) {
    const torch::Tensor reference = sounds.read(i);
    if (any_silent(reference)) {
      ++figures.silent;
    } else {
      const torch::Tensor decoded = codec.decode(codec.encode(reference.unsqueeze(0)))[0].to(torch::kCPU);
      const torch::Tensor estimate = decoded.narrow(1, 0, reference.size(1));
      ms_stft.add(ms_stft_distance(estimate, reference), figures.clips);
      si_sdr.add(mean_si_sdr(estimate, reference), figures.clips);
      if (use) use(estimate);
      ++figures.clips;
    }
    progress.advance(1, sounds.names[i]);
  }
  progress.end();
  if (figures.clips == 0) {
    fail<EvaluationError>("{}: no clip to measure: {} sounds, {} of them with a silent channel",
                          figures.codec, sounds.names.size(), figures.silent);
  }
  figures.ms_stft = ms_stft.statistic();
  figures.si_sdr = si_sdr.statistic();
  return figures;
}

}  // namespace

CodecFigures evaluate_codec(codec::Codec& codec, const std::vector<std::filesystem::path>& files,
                            double seconds, Progress& progress) {
  Sounds sounds{{}, [&](std::size_t i) { return read_for(codec, files[i], seconds); }};
  for (const auto& file : files) sounds.names.push_back(file.filename().string());
  return evaluate_sounds(codec, sounds, progress, {});
}

CodecFigures evaluate_codec(codec::Codec& codec, const std::vector<Clip>& clips, Progress& progress,
                            const std::function<void(const torch::Tensor&)>& use) {
  Sounds sounds{{}, [&](std::size_t i) { return heard_by(codec, clips[i]); }};
  for (const auto& clip : clips) sounds.names.push_back(clip.name);
  return evaluate_sounds(codec, sounds, progress, use);
}

io::Json to_json(const CodecFigures& figures) {
  return {{"codec", figures.codec},
          {"sample_rate", figures.sample_rate},
          {"bit_rate", figures.bit_rate ? io::Json(*figures.bit_rate) : io::Json()},
          {"ms_stft", to_json(figures.ms_stft)},
          {"si_sdr", to_json(figures.si_sdr)},
          {"clips", figures.clips},
          {"silent", figures.silent}};
}

std::string to_markdown(const std::vector<CodecFigures>& figures) {
  std::string table = "| codec | kbit/s | MS-STFT | SI-SDR | clips | silent |\n|---|---|---|---|---|---|\n";
  for (const auto& row : figures) {
    table += fmt::format("| {} | {} | {} | {} | {} | {} |\n", row.codec,
                         row.bit_rate ? fmt::format("{:g}", *row.bit_rate) : "–", to_text(row.ms_stft, 2),
                         to_text(row.si_sdr), row.clips, row.silent);
  }
  return table + fmt::format("\n{} Clips with a silent channel are left out.\n", statistics_legend());
}

}  // namespace partita::evaluation
