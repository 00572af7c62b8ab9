#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "partita/base/named_values.hpp"
#include "partita/base/random.hpp"
#include "partita/base/rounding.hpp"
#include "partita/diffusion/windows.hpp"
#include "partita/recomposition/prior.hpp"

namespace partita::recomposition {
namespace {

constexpr NamedValues<Imposed, 2> kImposed{{{"clean", Imposed::Clean}, {"blended", Imposed::Blended}}};

void check(PriorImpl& prior, const torch::Tensor& z, const Mask& mask, const RecomposeOptions& options) {
  if (prior.is_training()) {
    fail<RecompositionError>("recompose: the prior is in training mode; call eval() first");
  }
  const LatentForm& form = prior.form();
  if (!z.defined() || z.dim() != 3 || z.size(0) != form.components || z.size(1) != form.channels ||
      z.size(2) < 1) {
    fail<RecompositionError>("recompose: expected latents [{}, {}, at least 1 frame], found {} values",
                             form.components, form.channels, z.defined() ? z.numel() : 0);
  }
  if (mask.size() != static_cast<std::size_t>(form.components) ||
      std::none_of(mask.begin(), mask.end(), [](bool made) { return made; })) {
    fail<RecompositionError>(
        "recompose: expected a mask of {} components that makes at least one, found [{}]", form.components,
        fmt::join(mask, ", "));
  }
  if (options.window_frames < 1 || options.window_frames % prior.frame_multiple() != 0) {
    fail<RecompositionError>("recompose: the window is {} frames, expected a multiple of {}",
                             options.window_frames, prior.frame_multiple());
  }
  if (!(options.guidance >= 0.0)) {
    fail<RecompositionError>("recompose: guidance is {}, expected 0 or more", options.guidance);
  }
}

/// Normalised kept latents, noise and mask `[1, component, ...]` of one recomposition.
class Trajectory {
 public:
  Trajectory(PriorImpl& prior, const RecomposeOptions& options, torch::Tensor kept, torch::Tensor noise,
             torch::Tensor mask)
      : prior_(prior),
        options_(options),
        kept_(std::move(kept)),
        noise_(std::move(noise)),
        mask_(std::move(mask)) {
    guided_ = options.guidance != 1.0 && !mask_.to(torch::kBool).all().item<bool>();
  }

  /// The state with the kept components put back in.
  [[nodiscard]] torch::Tensor imposed(const torch::Tensor& state, double alpha) const {
    return options_.imposed == Imposed::Clean ? masked(state, kept_, mask_)
                                              : masked(state, blended(alpha), mask_);
  }
  [[nodiscard]] torch::Tensor predicted(const torch::Tensor& state, const torch::Tensor& alpha) const {
    const double level = alpha.item<double>();
    const torch::Tensor informed = in_windows(imposed(state, level), alpha, mask_);
    torch::Tensor prediction = informed;
    if (guided_) {
      const torch::Tensor unaware =
          in_windows(masked(state, blended(level), mask_), alpha, torch::ones_like(mask_));
      prediction = unaware + options_.guidance * (informed - unaware);
    }
    return prediction;
  }

 private:
  [[nodiscard]] torch::Tensor blended(double alpha) const { return torch::lerp(noise_, kept_, alpha); }
  [[nodiscard]] torch::Tensor in_windows(const torch::Tensor& state, const torch::Tensor& alpha,
                                         const torch::Tensor& mask) const {
    const diffusion::WindowOptions windows{options_.window_frames, options_.overlap, prior_.frame_multiple(),
                                           8};
    return diffusion::in_windows(
               state.squeeze(0), windows,
               [&](const torch::Tensor& x, std::int64_t) {
                 return prior_.forward(x, alpha.expand({x.size(0)}), mask.expand({x.size(0), mask.size(1)}));
               })
        .unsqueeze(0);
  }

  PriorImpl& prior_;
  const RecomposeOptions& options_;
  torch::Tensor kept_, noise_, mask_;
  bool guided_ = false;
};

}  // namespace

std::vector<std::string> imposed_names() { return names_of(kImposed); }

std::string name_of(Imposed imposed) { return partita::name_of(kImposed, imposed); }

Imposed parse_imposed(const std::string& name) {
  if (const auto imposed = value_named(kImposed, name)) return *imposed;
  fail<RecompositionError>("imposition '{}' is unknown; use one of {}", name,
                           fmt::join(imposed_names(), ", "));
}

torch::Tensor recompose(Prior& prior, const torch::Tensor& z, const Mask& mask,
                        const RecomposeOptions& options, std::uint64_t seed, std::uint64_t index) {
  check(*prior, z, mask, options);
  const torch::NoGradGuard no_grad;
  const torch::Device device = z.device();
  const std::int64_t frames = rounded_up(z.size(2), prior->frame_multiple());
  const torch::Tensor kept = diffusion::extended(prior->normalised(z), frames).unsqueeze(0);
  const torch::Tensor noise =
      prior->form().noise(frames, make_generator(seed, "recompose", index)).unsqueeze(0).to(device);
  const torch::Tensor made = to_tensor(mask).unsqueeze(0).to(device);
  const Trajectory trajectory(*prior, options, kept, noise, made);
  const torch::Tensor found = diffusion::sample(
      {prior->options().variant, options.steps, options.solver},
      [&](const torch::Tensor& state, const torch::Tensor& alpha) {
        return trajectory.predicted(state, alpha);
      },
      noise);
  const torch::Tensor latents = prior->form().held(prior->restored(found.squeeze(0))).narrow(2, 0, z.size(2));
  return masked(latents.unsqueeze(0), z.unsqueeze(0), made).squeeze(0);
}

}  // namespace partita::recomposition
