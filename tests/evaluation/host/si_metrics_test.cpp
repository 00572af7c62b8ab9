#include "partita/evaluation/si_metrics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "partita/audio/file.hpp"
#include "partita/io/safetensors.hpp"
#include "support/paths.hpp"

namespace partita::evaluation {
namespace {

constexpr double kTolerance = 1e-6;  // dB
constexpr double kRounding = 150.0;  // dB; beyond, figures are nothing but rounding

torch::Tensor demo(const std::string& name) {
  return audio::read_waveform(support::source_path("assets/demo/" + name + ".flac"))
      .samples.mean(0)
      .to(torch::kFloat64);
}

/// Written by scripts/golden/si_metrics.py, checked against the published Python there.
TEST(SiMetricsGolden, AgreeOnMusic) {
  const io::SafetensorsFile golden(support::golden_path("si_metrics.safetensors"));
  const torch::Tensor references = torch::stack({demo("drums"), demo("bass")});
  const torch::Tensor mixture = demo("mixture");
  for (const auto& [name, estimate] :
       {std::pair{"demo mixture", mixture}, std::pair{"demo distorted", (3.0 * mixture).tanh() / 3.0}}) {
    const auto expected = nlohmann::json::parse(golden.metadata().at(name));
    for (std::int64_t target = 0; target < 2; ++target) {
      const SiMetrics found = si_metrics(estimate, references, target);
      const auto& figures = expected.at(static_cast<std::size_t>(target));
      const std::array<double, 3> values{found.sdr, found.sir, found.sar};
      for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_NEAR(std::min(values[i], kRounding), std::min(figures.at(i).get<double>(), kRounding),
                    kTolerance)
            << name << ' ' << target << ' ' << i;
      }
    }
  }
}

}  // namespace
}  // namespace partita::evaluation
