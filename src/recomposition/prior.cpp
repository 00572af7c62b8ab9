#include "partita/recomposition/prior.hpp"

#include <fmt/ranges.h>

#include <cmath>
#include <numeric>
#include <utility>

#include "partita/base/join.hpp"

namespace partita::recomposition {
namespace {

/// The lowest deviation that latents are divided by.
constexpr double kConstant = 1e-4;

std::string shape_text(const torch::Tensor& x) {
  return x.defined() ? fmt::format("[{}]", fmt::join(x.sizes(), ", ")) : "undefined";
}

std::int64_t hop_of(const LatentForm& form, std::int64_t component) {
  return form.hops.empty() ? 1 : form.hops[static_cast<std::size_t>(component)];
}

/// `[..., run]` with each value held over `hop` frames, `frames` in all.
torch::Tensor spread_out(const torch::Tensor& runs, std::int64_t hop, std::int64_t frames) {
  return runs.repeat_interleave(hop, -1).narrow(-1, 0, frames);
}

void check_fit(const PriorOptions& options, const LatentForm& form) {
  if (!form.hops.empty() && form.hops.size() != static_cast<std::size_t>(form.components)) {
    fail<RecompositionError>("prior: expected a hop for each of {} components, found [{}]", form.components,
                             fmt::join(form.hops, ", "));
  }
  const std::int64_t values = form.components * form.channels;
  if (options.unet.channels.empty() || options.unet.channels.front() != values ||
      options.unet.tcond_dim != values) {
    fail<RecompositionError>(
        "prior: {} components of {} channels need a U-Net whose channels begin with {} and whose tcond_dim "
        "is "
        "{}, found [{}] and {}",
        form.components, form.channels, values, values, fmt::join(options.unet.channels, ", "),
        options.unet.tcond_dim);
  }
}

}  // namespace

std::vector<Mask> masks(std::int64_t components) {
  if (components < 1 || components > 16) {
    fail<RecompositionError>("masks: expected 1 to 16 components, found {}", components);
  }
  std::vector<Mask> all;
  for (std::int64_t number = 1; number < (std::int64_t{1} << components); ++number) {
    Mask mask(static_cast<std::size_t>(components));
    for (std::int64_t k = 0; k < components; ++k) {
      mask[static_cast<std::size_t>(k)] = ((number >> (components - 1 - k)) & 1) != 0;
    }
    all.push_back(std::move(mask));
  }
  return all;
}

torch::Tensor to_tensor(const Mask& mask) {
  return torch::tensor(std::vector<float>(mask.begin(), mask.end()));
}

std::vector<double> mask_probabilities(std::int64_t components, double p_mask) {
  const std::size_t count = masks(components).size();
  if (!(p_mask >= 0.0 && p_mask <= 1.0)) {
    fail<RecompositionError>("p_mask: expected a probability, found {}", p_mask);
  }
  if (count == 1) return {1.0};
  std::vector<double> probabilities(count, (1.0 - p_mask) / static_cast<double>(count - 1));
  probabilities.back() = p_mask;
  return probabilities;
}

Mask draw_mask(std::int64_t components, const std::vector<double>& probabilities,
               torch::Generator generator) {
  const std::vector<Mask> all = masks(components);
  if (probabilities.size() != all.size()) {
    fail<RecompositionError>("masks: expected {} probabilities, found {}", all.size(), probabilities.size());
  }
  const torch::Tensor drawn =
      torch::multinomial(torch::tensor(probabilities, torch::kFloat64), 1, false, std::move(generator));
  return all[static_cast<std::size_t>(drawn.item<std::int64_t>())];
}

LatentForm LatentForm::of(const decomposition::ModelOptions& model, std::int64_t latent_channels) {
  return {model.encoder.n_comp, latent_channels, model.latent_hops};
}

std::int64_t LatentForm::unit() const {
  return std::accumulate(hops.begin(), hops.end(), std::int64_t{1},
                         [](std::int64_t a, std::int64_t b) { return std::lcm(a, b); });
}

torch::Tensor LatentForm::noise(std::int64_t frames, torch::Generator generator) const {
  std::vector<torch::Tensor> parts;
  for (std::int64_t k = 0; k < components; ++k) {
    const std::int64_t hop = hop_of(*this, k);
    parts.push_back(spread_out(torch::randn({channels, (frames + hop - 1) / hop}, generator, torch::kFloat32),
                               hop, frames));
  }
  return partita::stack(parts, 0);
}

torch::Tensor LatentForm::held(const torch::Tensor& z) const { return decomposition::held(z, hops); }

PriorImpl::PriorImpl(PriorOptions options, LatentForm form)
    : options_(std::move(options)), form_(std::move(form)) {
  check_fit(options_, form_);
  unet_ = register_module("unet", nn::UNet(options_.unet));
  mean_ = register_buffer("mean", torch::zeros({form_.components, form_.channels, 1}));
  deviation_ = register_buffer("deviation", torch::ones({form_.components, form_.channels, 1}));
}

void PriorImpl::set_statistics(const torch::Tensor& z) {
  if (!z.defined() || z.dim() != 4 || z.size(1) != form_.components || z.size(2) != form_.channels ||
      z.numel() == 0) {
    fail<RecompositionError>("prior: latents are {}, expected [clip, {}, {}, frame]", shape_text(z),
                             form_.components, form_.channels);
  }
  const torch::Tensor values = z.transpose(0, 2).transpose(0, 1).flatten(2).to(torch::kFloat64);
  const torch::Tensor deviation = values.std(at::IntArrayRef{2}, /*unbiased=*/false, /*keepdim=*/true);
  mean_.copy_(values.mean(2, true));
  deviation_.copy_(torch::where(deviation > kConstant, deviation, torch::ones_like(deviation)));
}

torch::Tensor PriorImpl::forward(const torch::Tensor& z_alpha, const torch::Tensor& alpha,
                                 const torch::Tensor& mask) {
  if (!z_alpha.defined() || z_alpha.dim() != 4 || z_alpha.size(1) != form_.components ||
      z_alpha.size(2) != form_.channels || !mask.defined() || mask.dim() != 2 ||
      mask.size(0) != z_alpha.size(0) || mask.size(1) != form_.components) {
    fail<RecompositionError>(
        "prior: z_α is {} and the masks {}, expected [batch, {}, {}, frame] and [batch, {}]",
        shape_text(z_alpha), shape_text(mask), form_.components, form_.channels, form_.components);
  }
  const torch::Tensor condition = mask.unsqueeze(2).unsqueeze(3).expand_as(z_alpha).flatten(1, 2);
  return unet_->forward(z_alpha.flatten(1, 2), alpha, condition).view(z_alpha.sizes());
}

std::int64_t PriorImpl::frame_multiple() const { return std::lcm(unet_->frame_multiple(), form_.unit()); }

torch::Tensor masked(const torch::Tensor& blended, const torch::Tensor& z, const torch::Tensor& mask) {
  const torch::Tensor m = mask.unsqueeze(2).unsqueeze(3);
  return blended * m + (1.0 - m) * z;
}

PriorOptions prior_options(const io::Config& config) {
  PriorOptions options;
  const io::Config prior = config.table("prior");
  const auto variant = prior.get<std::string>("variant", "c");
  prior.require(variant == "c" || variant == "d", "variant", "'c' or 'd'");
  options.variant = diffusion::parse_variant(variant);
  options.unet = decomposition::unet_options(prior.table("unet"), options.unet);
  return options;
}

std::string to_toml(const PriorOptions& options) {
  const char* variant = options.variant == diffusion::Variant::C ? "c" : "d";
  return fmt::format("[prior]\nvariant = \"{}\"\n", variant) +
         decomposition::to_toml(options.unet, "prior.unet");
}

torch::Tensor prior_loss(Prior& prior, const torch::Tensor& z, const torch::Tensor& noise,
                         const torch::Tensor& alpha, const torch::Tensor& mask) {
  const diffusion::Variant variant = prior->options().variant;
  const torch::Tensor z_alpha = masked(diffusion::blend(z, noise, alpha), z, mask);
  const torch::Tensor prediction = prior->forward(z_alpha, alpha, mask);
  if (variant == diffusion::Variant::C) return diffusion::loss(variant, prediction, z, noise);
  const torch::Tensor made = mask.unsqueeze(2).unsqueeze(3).expand_as(z);
  const torch::Tensor squares = (prediction - (z - noise)).square() * made;
  return (squares.flatten(1).sum(1) / made.flatten(1).sum(1)).mean();
}

}  // namespace partita::recomposition
