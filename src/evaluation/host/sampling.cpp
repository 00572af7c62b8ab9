#include "partita/evaluation/sampling.hpp"

#include <algorithm>
#include <functional>

#include "host/codec_input.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/evaluation/frechet.hpp"
#include "partita/evaluation/systems.hpp"

namespace partita::evaluation {
namespace {

std::vector<SamplingPoint> by_steps(const std::vector<std::int64_t>& steps, Progress& progress,
                                    const std::function<double(diffusion::Solver, std::int64_t)>& measure) {
  const std::vector<std::string> solvers = diffusion::solver_names();
  std::vector<SamplingPoint> points;
  progress.begin("sampling", static_cast<std::int64_t>(solvers.size() * steps.size()), "settings");
  for (const auto& name : solvers) {
    for (const std::int64_t count : steps) {
      const diffusion::Solver solver = diffusion::parse_solver(name);
      points.push_back({solver, count, measure(solver, count)});
      progress.advance(1, fmt::format("{}, {} steps", name, count));
    }
  }
  progress.end();
  return points;
}

/// The latents of components, composed, as frames `[frame, dim]`.
torch::Tensor frames_of(recomposition::Recomposer& recomposer, const torch::Tensor& z) {
  const torch::Tensor components = recomposer.components(z).unsqueeze(0);
  return recomposer.separator().model()->compose(components)[0].t().to(torch::kCPU);
}

}  // namespace

std::vector<SamplingPoint> separation_by_steps(const io::ModelFolder& model,
                                               const decomposition::SeparatorOptions& options,
                                               const std::vector<Clip>& clips,
                                               const std::vector<std::string>& sources,
                                               const std::vector<std::int64_t>& steps, torch::Device device,
                                               Progress& progress) {
  if (decomposition::model_options(model.card()).autoencoder) {
    fail<EvaluationError>("{}: is an auto-encoder, which takes no sampling steps", model.name());
  }
  return by_steps(steps, progress, [&](diffusion::Solver solver, std::int64_t count) {
    decomposition::SeparatorOptions own = options;
    own.solver = solver;
    own.steps = count;
    const std::vector<System> systems =
        named_systems(model.path().string(), {decomposition::Refinement::Wiener}, own, device, sources);
    return evaluate(systems.front(), clips, sources).rows.back().sdr.mean;
  });
}

std::vector<SamplingPoint> generation_by_steps(const io::ModelFolder& model,
                                               const recomposition::RecomposerOptions& options,
                                               const std::vector<Clip>& clips,
                                               const std::vector<std::int64_t>& steps, torch::Device device,
                                               Progress& progress) {
  const torch::NoGradGuard no_gradient;
  recomposition::Recomposer encoder(model, options, device);
  std::vector<torch::Tensor> latents;
  Moments encoded;
  for (const Clip& clip : clips) {
    throw_if_interrupted();
    codec::Codec& codec = encoder.separator().codec();
    latents.push_back(encoder.encode(codec.encode(heard_by(codec, clip).unsqueeze(0))[0]));
    encoded.add(frames_of(encoder, latents.back()));
  }
  const FrechetDistance distance(encoded.gaussian());
  return by_steps(steps, progress, [&](diffusion::Solver solver, std::int64_t count) {
    recomposition::RecomposerOptions own = options;
    own.how.solver = solver;
    own.how.steps = count;
    recomposition::Recomposer recomposer(model, own, device);
    const recomposition::Mask all(recomposer.names().size(), true);
    Moments made;
    for (std::size_t i = 0; i < latents.size(); ++i)
      made.add(frames_of(recomposer, recomposer.recompose(latents[i], all, i)));
    return distance.to(made.gaussian());
  });
}

io::Json to_json(const std::vector<SamplingPoint>& points, const std::string& figure) {
  io::Json json = io::Json::array();
  for (const auto& point : points) {
    json.push_back(
        {{"sampler", diffusion::name_of(point.solver)}, {"steps", point.steps}, {figure, point.figure}});
  }
  return json;
}

std::vector<Curve> to_curves(const std::vector<SamplingPoint>& points) {
  std::vector<Curve> curves;
  for (const auto& point : points) {
    const std::string name = diffusion::name_of(point.solver);
    if (curves.empty() || curves.back().name != name) curves.push_back({name, {}});
    curves.back().points.emplace_back(static_cast<double>(point.steps), point.figure);
  }
  return curves;
}

}  // namespace partita::evaluation
