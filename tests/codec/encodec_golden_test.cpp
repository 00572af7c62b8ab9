#include <gtest/gtest.h>

#include "partita/codec/encodec.hpp"
#include "support/encodec_weights.hpp"
#include "support/paths.hpp"

namespace partita::codec {
namespace {

/// Of latents and audio, relative to their peak.
constexpr double kTolerance = 1e-4;

struct Model {
  std::string name, width;
  double equal_codes;  ///< at least this share
};

std::ostream& operator<<(std::ostream& out, const Model& model) { return out << model.name << model.width; }

/// One value in `step`, as scripts/golden/encodec.py keeps them.
void expect_close(const torch::Tensor& found, const torch::Tensor& expected, std::int64_t step,
                  const std::string& what) {
  const torch::Tensor thinned = found.reshape(-1).slice(0, 0, found.numel(), step);
  ASSERT_EQ(thinned.sizes(), expected.sizes()) << what;
  const double peak = expected.abs().max().item<double>();
  ASSERT_GT(peak, 0.0) << what;
  EXPECT_LE((thinned - expected).abs().max().item<double>(), kTolerance * peak) << what;
}

torch::Tensor joined_codes(const std::vector<EncodedFrame>& frames) {
  std::vector<torch::Tensor> codes;
  for (const auto& frame : frames) codes.push_back(frame.codes);
  return torch::cat(codes, 2);
}

/// The golden codes and scales in frames like those found.
std::vector<EncodedFrame> golden_frames(const std::vector<EncodedFrame>& like, const torch::Tensor& codes,
                                        const torch::Tensor& scales) {
  std::vector<EncodedFrame> frames;
  std::int64_t at = 0;
  for (std::size_t i = 0; i < like.size(); ++i) {
    const std::int64_t count = like[i].codes.size(2);
    frames.push_back({codes.narrow(1, at, count).unsqueeze(0), {}});
    if (scales.defined())
      frames.back().scale = scales.narrow(0, static_cast<std::int64_t>(i), 1).unsqueeze(0);
    at += count;
  }
  return frames;
}

class EncodecGolden : public ::testing::TestWithParam<Model> {
 protected:
  void expect_case(const std::string& label, const io::SafetensorsFile& file, const io::TensorMap& weights) {
    const std::int64_t samples = std::stoll(label);
    const double bandwidth = std::stod(label.substr(label.find('@') + 1));
    const EncodecOptions options = support::encodec_options(GetParam().name, GetParam().width);
    const Encodec codec(options, weights, bandwidth);
    const io::TensorMap golden = file.tensors(label + "/");
    const auto step = [&](const std::string& part) { return std::stoll(file.metadata().at(label + part)); };

    const auto frames = codec.encode_frames(support::noisy_signal(options.channels, samples));
    const torch::Tensor codes = joined_codes(frames)[0];
    ASSERT_EQ(codes.sizes(), golden.at("codes").sizes()) << label;
    equal_ += codes.eq(golden.at("codes")).sum().item<std::int64_t>();
    all_ += codes.numel();
    const torch::Tensor scales = golden.contains("scales") ? golden.at("scales") : torch::Tensor();
    const auto theirs = golden_frames(frames, golden.at("codes"), scales);
    for (std::size_t i = 0; scales.defined() && i < frames.size(); ++i) {
      EXPECT_NEAR(frames[i].scale.item<double>() / theirs[i].scale.item<double>(), 1.0, 1e-6) << label;
    }
    expect_close(codec.latents_of(golden.at("codes").unsqueeze(0)), golden.at("latents"), step("/latents"),
                 label + " latents");
    const torch::Tensor audio = codec.decode_frames(theirs).narrow(2, 0, samples);
    expect_close(audio, golden.at("audio"), step("/audio"), label + " audio");
  }

  std::int64_t equal_ = 0;
  std::int64_t all_ = 0;
};

TEST_P(EncodecGolden, CodesLatentsAndAudioAreTheOfficialOnes) {
  const auto& [name, width, share] = GetParam();
  const io::SafetensorsFile file(support::golden_path(fmt::format("{}_{}.safetensors", name, width)));
  const io::TensorMap weights = support::encodec_weights(name, width);
  int cases = 0;
  for (const auto& [entry, _] : file.entries()) {
    if (!entry.ends_with("/codes")) continue;
    expect_case(entry.substr(0, entry.find('/')), file, weights);
    ++cases;
  }
  EXPECT_GE(cases, 5);
  EXPECT_GE(static_cast<double>(equal_), share * static_cast<double>(all_)) << equal_ << " of " << all_;
}

INSTANTIATE_TEST_SUITE_P(Models, EncodecGolden,
                         ::testing::Values(Model{"encodec_24khz", "small", 1.0},
                                           Model{"encodec_24khz", "full", 0.999},
                                           Model{"encodec_48khz", "small", 1.0},
                                           Model{"encodec_48khz", "full", 0.999}),
                         [](const auto& model) { return model.param.name + "_" + model.param.width; });

}  // namespace
}  // namespace partita::codec
