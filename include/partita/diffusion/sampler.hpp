#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "partita/diffusion/iadb.hpp"

namespace partita::diffusion {

/// Predicts x (variant c) or x − x₀ (variant d) from x_α `[batch, ...]` and alpha `[batch]`.
using Network = std::function<torch::Tensor(const torch::Tensor& x_alpha, const torch::Tensor& alpha)>;
/// Sees the state after each step (1-based), for trajectories and progress; may return a changed
/// state (for consistency with a mixture) or the one it was given.
using StepHook = std::function<torch::Tensor(std::int64_t step, const torch::Tensor& state)>;

/// How the state moves from one noise level to the next. Euler: as the reference's sample_c and sample_d,
/// which for variant c is DPM-Solver++ of first order. Midpoint: of second order, two evaluations a step.
/// DpmPP2M: DPM-Solver++(2M) (Lu 2022), of second order with one evaluation a step; its first and last step
/// are of first order, since λ = log(α / (1 − α)) has no end there.
enum class Solver { Euler, Midpoint, DpmPP2M };

/// "euler", "midpoint", "dpmpp2m". Throws DiffusionError for another name.
[[nodiscard]] Solver parse_solver(const std::string& name);
[[nodiscard]] std::vector<std::string> solver_names();
[[nodiscard]] std::string name_of(Solver solver);

struct SamplerOptions {
  Variant variant = Variant::C;
  std::int64_t steps = 100;
  Solver solver = Solver::Euler;
};

/// From `base` at α = 0 to data at α = 1, in even steps.
[[nodiscard]] torch::Tensor sample(const SamplerOptions& options, const Network& network,
                                   const torch::Tensor& base, const StepHook& hook = {});

}  // namespace partita::diffusion
