#include "partita/evaluation/codec.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/codec_input.hpp"
#include "partita/evaluation/ms_stft.hpp"

namespace partita::evaluation {
namespace {

constexpr double kLimit = 100.0;  // dB

double mean_si_sdr(const torch::Tensor& estimate, const torch::Tensor& reference) {
  double sum = 0.0;
  for (std::int64_t channel = 0; channel < reference.size(0); ++channel) {
    sum += std::clamp(si_sdr(estimate[channel], reference[channel]), -kLimit, kLimit);
  }
  return sum / static_cast<double>(reference.size(0));
}

}  // namespace

CodecFigures evaluate_codec(codec::Codec& codec, const std::vector<std::filesystem::path>& files,
                            double seconds, Progress& progress) {
  CodecFigures figures;
  figures.codec = codec.name();
  figures.sample_rate = codec.sample_rate();
  figures.bit_rate = codec.bit_rate();
  Sample ms_stft, si_sdr;
  std::int64_t clip = 0;
  progress.begin(codec.name(), static_cast<std::int64_t>(files.size()), "clips");
  for (const auto& file : files) {
    const torch::Tensor reference = read_for(codec, file, seconds);
    if (any_silent(reference)) {
      ++figures.silent;
    } else {
      const torch::Tensor decoded = codec.decode(codec.encode(reference.unsqueeze(0)))[0].to(torch::kCPU);
      const torch::Tensor estimate = decoded.narrow(1, 0, reference.size(1));
      ms_stft.add(ms_stft_distance(estimate, reference), clip);
      si_sdr.add(mean_si_sdr(estimate, reference), clip);
      ++clip;
    }
    progress.advance(1, file.filename().string());
  }
  progress.end();
  if (clip == 0) {
    fail<EvaluationError>("{}: no clip to measure: {} files, {} of them with a silent channel", figures.codec,
                          files.size(), figures.silent);
  }
  figures.ms_stft = ms_stft.statistic();
  figures.si_sdr = si_sdr.statistic();
  figures.clips = clip;
  return figures;
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
