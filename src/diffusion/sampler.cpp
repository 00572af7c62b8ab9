#include "partita/diffusion/sampler.hpp"

#include <cmath>
#include <utility>

#include "partita/base/interrupt.hpp"
#include "partita/base/named_values.hpp"
#include "shapes.hpp"

namespace partita::diffusion {
namespace {

constexpr NamedValues<Solver, 3> kSolvers{
    {{"euler", Solver::Euler}, {"midpoint", Solver::Midpoint}, {"dpmpp2m", Solver::DpmPP2M}}};

/// A state on its way, and what the solvers ask of the network.
class Walk {
 public:
  Walk(const SamplerOptions& options, const Network& network, torch::Tensor base)
      : options_(options), network_(network), state_(std::move(base)) {}

  void step(std::int64_t t) {
    switch (options_.solver) {
      case Solver::Euler:
        state_ = moved(state_, predicted(state_, level(t)), level(t), level(t + 1));
        break;
      case Solver::Midpoint:
        midpoint(level(t), level(t + 1));
        break;
      case Solver::DpmPP2M:
        multistep(t);
        break;
    }
  }

  [[nodiscard]] const torch::Tensor& state() const { return state_; }
  void replace(torch::Tensor state) {
    require_same_shape("the state that the step hook returned", state, state_);
    state_ = std::move(state);
  }

 private:
  [[nodiscard]] double level(std::int64_t t) const {
    return static_cast<double>(t) / static_cast<double>(options_.steps);
  }
  [[nodiscard]] torch::Tensor predicted(const torch::Tensor& state, double alpha) const {
    torch::Tensor prediction = network_(state, torch::full({state.size(0)}, alpha, state.options()));
    require_same_shape("the network's prediction", prediction, state);
    return prediction;
  }
  /// From one noise level to another in a straight line, as the network's prediction has it.
  [[nodiscard]] torch::Tensor moved(const torch::Tensor& state, const torch::Tensor& prediction, double from,
                                    double to) const {
    if (options_.variant == Variant::D) return state + prediction * (to - from);
    return prediction + (1.0 - to) / (1.0 - from) * (state - prediction);
  }
  void midpoint(double from, double to) {
    const double half = 0.5 * (from + to);
    const torch::Tensor middle = moved(state_, predicted(state_, from), from, half);
    const torch::Tensor prediction = predicted(middle, half);
    const torch::Tensor direction =
        options_.variant == Variant::D ? prediction : (prediction - middle) / (1.0 - half);
    state_ = state_ + direction * (to - from);
  }
  /// Second order by the clean data that the step before had in mind (Lu 2022, algorithm 2).
  void multistep(std::int64_t t) {
    const double from = level(t), to = level(t + 1);
    const torch::Tensor prediction = predicted(state_, from);
    torch::Tensor clean = options_.variant == Variant::D ? state_ + (1.0 - from) * prediction : prediction;
    torch::Tensor aim = clean;
    if (t > 1 && t + 1 < options_.steps) {
      const auto lambda = [](double alpha) { return std::log(alpha / (1.0 - alpha)); };
      const double ratio =
          (lambda(to) - lambda(from)) / (2.0 * (lambda(from) - lambda(level(t - 1))));  // 1 / 2r
      aim = (1.0 + ratio) * clean - ratio * before_;
    }
    state_ = aim + (1.0 - to) / (1.0 - from) * (state_ - aim);
    before_ = std::move(clean);
  }

  const SamplerOptions& options_;
  const Network& network_;
  torch::Tensor state_;
  torch::Tensor before_;  ///< clean data as predicted by the step before
};

}  // namespace

std::vector<std::string> solver_names() { return names_of(kSolvers); }

std::string name_of(Solver solver) { return partita::name_of(kSolvers, solver); }

Solver parse_solver(const std::string& name) {
  if (const auto solver = value_named(kSolvers, name)) return *solver;
  fail<DiffusionError>("sampler '{}' is unknown; use one of {}", name, fmt::join(solver_names(), ", "));
}

torch::Tensor sample(const SamplerOptions& options, const Network& network, const torch::Tensor& base,
                     const StepHook& hook) {
  if (options.steps < 1) {
    fail<DiffusionError>("IADB: {} steps were asked for, expected at least 1", options.steps);
  }
  if (!base.defined() || base.dim() < 1) {
    fail<DiffusionError>("IADB: the base is {}, expected [batch, ...]", shape_text(base));
  }
  const torch::NoGradGuard no_grad;
  Walk walk(options, network, base);
  for (std::int64_t t = 0; t < options.steps; ++t) {
    throw_if_interrupted();
    walk.step(t);
    if (hook) walk.replace(hook(t + 1, walk.state()));
  }
  return walk.state();
}

}  // namespace partita::diffusion
