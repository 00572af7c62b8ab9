#pragma once

#include <string>
#include <vector>

#include "partita/base/progress.hpp"
#include "partita/diffusion/sampler.hpp"
#include "partita/evaluation/plot.hpp"
#include "partita/evaluation/separation.hpp"
#include "partita/io/model_folder.hpp"
#include "partita/io/report.hpp"
#include "partita/recomposition/recomposer.hpp"

namespace partita::evaluation {

/// What sampling with one solver in so many steps comes to.
struct SamplingPoint {
  diffusion::Solver solver = diffusion::Solver::Euler;
  std::int64_t steps = 0;
  double figure = 0.0;
};

/// Mean SI-SDR in dB of a decomposition's Wiener masks over clips, for every solver and each number of steps.
/// Throws EvaluationError for an auto-encoder, which does not sample.
[[nodiscard]] std::vector<SamplingPoint> separation_by_steps(const io::ModelFolder& model,
                                                             const decomposition::SeparatorOptions& options,
                                                             const std::vector<Clip>& clips,
                                                             const std::vector<std::string>& sources,
                                                             const std::vector<std::int64_t>& steps,
                                                             torch::Device device, Progress& progress);

/// Fréchet distance of what a prior makes from nothing, one sound a clip and of its length, to the clips as
/// the decomposition encodes them: between frames of the codec's latents after composition. For every solver
/// and each number of steps.
[[nodiscard]] std::vector<SamplingPoint> generation_by_steps(const io::ModelFolder& model,
                                                             const recomposition::RecomposerOptions& options,
                                                             const std::vector<Clip>& clips,
                                                             const std::vector<std::int64_t>& steps,
                                                             torch::Device device, Progress& progress);

/// [{"sampler", "steps", `figure`}]
[[nodiscard]] io::Json to_json(const std::vector<SamplingPoint>& points, const std::string& figure);
/// A curve a solver.
[[nodiscard]] std::vector<Curve> to_curves(const std::vector<SamplingPoint>& points);

}  // namespace partita::evaluation
