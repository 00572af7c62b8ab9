#include "partita/decomposition/model.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "partita/base/join.hpp"

namespace partita::decomposition {
namespace {

std::string shape_text(const torch::Tensor& x) {
  return x.defined() ? fmt::format("[{}]", fmt::join(x.sizes(), ", ")) : "undefined";
}

void check_options(const ModelOptions& options, std::int64_t latent_channels) {
  if (options.unet.channels.front() != options.encoder.in_dim) {
    fail<DecompositionError>(
        "model: the U-Net's channels begin with {} and the encoder's in_dim is {}; both are the data's "
        "channels",
        options.unet.channels.front(), options.encoder.in_dim);
  }
  if (options.unet.tcond_dim != latent_channels) {
    fail<DecompositionError>("model: the U-Net's tcond_dim is {}, but a component's latent has {} channels",
                             options.unet.tcond_dim, latent_channels);
  }
  const std::string& activation = options.component_activation;
  if (activation != "id" && activation != "softplus" && activation != "relu") {
    fail<DecompositionError>("model: component_activation '{}' is unknown; use 'id', 'softplus' or 'relu'",
                             activation);
  }
  if (activation != "id" && options.variant == diffusion::Variant::D) {
    fail<DecompositionError>(
        "model: component_activation '{}' bounds clean data, but variant d predicts directions, which have "
        "any "
        "sign; use variant 'c' or 'id'",
        activation);
  }
  const std::vector<std::int64_t>& hops = options.latent_hops;
  if (!hops.empty() && (hops.size() != static_cast<std::size_t>(options.encoder.n_comp) ||
                        *std::min_element(hops.begin(), hops.end()) < 1)) {
    fail<DecompositionError>(
        "model: latent_hops is [{}], expected one hop of at least 1 for each of {} components",
        fmt::join(hops, ", "), options.encoder.n_comp);
  }
  if (!(options.latent_noise >= 0.0)) {
    fail<DecompositionError>("model: latent_noise is {}, expected a deviation of at least 0",
                             options.latent_noise);
  }
}

torch::Tensor constrain(const torch::Tensor& component, const std::string& activation) {
  if (activation == "softplus") {
    return torch::softplus(component);
  }
  return activation == "relu" ? torch::relu(component) : component;
}

/// Adds to each clean component its share of what the mixture x lacks, so that C gives x. The operator is
/// linear: 1 for the mean, 1/N for the sum.
torch::Tensor pull_onto(const torch::Tensor& x, const torch::Tensor& clean,
                        const DecompositionModelImpl& model) {
  const double share =
      model.options().comp_function == "sum" ? 1.0 / static_cast<double>(model.component_count()) : 1.0;
  return clean + (share * (x - model.compose(clean))).unsqueeze(1);
}

/// Predicts all components at once, each from its own state `[batch, component, channel, frame]`; with
/// consistency the clean components that the prediction implies are pulled onto the mixture.
diffusion::Network joint_network(DecompositionModelImpl& model, const torch::Tensor& x,
                                 const torch::Tensor& z, bool consistency) {
  return [&model, x, z, consistency](const torch::Tensor& state, const torch::Tensor& alpha) {
    torch::Tensor prediction = model.components(state, alpha, z);
    if (!consistency) {
      return prediction;
    }
    if (model.options().variant == diffusion::Variant::C) {
      return pull_onto(x, prediction, model);
    }
    const torch::Tensor remaining = (1.0 - alpha).view({-1, 1, 1, 1});
    const torch::Tensor clean = state + remaining * prediction;
    return prediction + (pull_onto(x, clean, model) - clean) / remaining;
  };
}

void check_decompose(DecompositionModelImpl& model, const torch::Tensor& x, const DecomposeOptions& options) {
  if (model.is_training()) {
    fail<DecompositionError>("decompose: the model is in training mode; call eval() first");
  }
  const std::int64_t channels = model.options().encoder.in_dim;
  const std::int64_t multiple = model.unet->frame_multiple();
  if (!x.defined() || x.dim() != 3 || x.size(1) != channels || x.size(2) == 0 || x.size(2) % multiple != 0) {
    fail<DecompositionError>(
        "decompose: x is {}, expected [batch, {}, frames] with frames a multiple of {}; pad or crop",
        shape_text(x), channels, multiple);
  }
  const std::string& operator_name = model.options().comp_function;
  if (options.consistency && operator_name != "mean" && operator_name != "sum") {
    fail<DecompositionError>(
        "decompose: consistency needs an additive composition operator (mean or sum), the model's is '{}'; "
        "turn "
        "consistency off",
        operator_name);
  }
}

void check_render(DecompositionModelImpl& model, const torch::Tensor& z, const DecomposeOptions& options) {
  if (model.is_training()) {
    fail<DecompositionError>("render: the model is in training mode; call eval() first");
  }
  if (options.consistency) fail<DecompositionError>("render: there is no mixture to be consistent with");
  const std::int64_t stride = model.latent_stride(), multiple = model.unet->frame_multiple();
  if (!z.defined() || z.dim() != 4 || z.size(1) != model.component_count() || z.size(3) == 0 ||
      z.size(3) * stride % multiple != 0) {
    fail<DecompositionError>(
        "render: z is {}, expected [batch, {}, channels, frames] with frames × {} a multiple of {}; pad or "
        "crop",
        shape_text(z), model.component_count(), stride, multiple);
  }
}

/// All components along their trajectories from one noise; an auto-encoder's in one step.
torch::Tensor sampled(DecompositionModelImpl& model, const torch::Tensor& z, std::int64_t frames,
                      const diffusion::Network& network, const DecomposeOptions& options,
                      torch::Generator generator) {
  const std::int64_t batch = z.size(0), channels = model.options().encoder.in_dim;
  const std::vector<std::int64_t> shape{batch, model.component_count(), channels, frames};
  if (model.options().autoencoder) {
    return network(z.new_zeros({1}).expand(shape), torch::zeros({batch}, z.options()));
  }
  const torch::Tensor base =
      torch::randn({batch, channels, frames}, std::move(generator), torch::kFloat32).to(z.options());
  return diffusion::sample({model.options().variant, options.steps, options.solver}, network,
                           base.unsqueeze(1).expand(shape));
}

}  // namespace

torch::Tensor held(const torch::Tensor& z, const std::vector<std::int64_t>& hops) {
  if (hops.empty()) return z;
  std::vector<torch::Tensor> parts;
  parts.reserve(hops.size());
  for (std::size_t k = 0; k < hops.size(); ++k) {
    const torch::Tensor one = z.select(-3, static_cast<std::int64_t>(k));
    const std::int64_t hop = hops[k];
    if (hop == 1) {
      parts.push_back(one);
      continue;
    }
    const torch::Tensor means = torch::avg_pool1d(one, hop, hop, /*padding=*/0, /*ceil_mode=*/true);
    parts.push_back(means.repeat_interleave(hop, -1).narrow(-1, 0, z.size(-1)));
  }
  return partita::stack(parts, -3);
}

DecompositionModelImpl::DecompositionModelImpl(ModelOptions options)
    : options_(std::move(options)), operator_(composition_operator(options_.comp_function)) {
  encoder = register_module("encoder", nn::SemanticEncoder(options_.encoder));
  unet = register_module("unet", nn::UNet(options_.unet));
  check_options(options_, encoder->latent_channels());
}

torch::Tensor DecompositionModelImpl::encode(const torch::Tensor& x) {
  torch::Tensor z = encoder->forward(x);
  if (is_training() && options_.latent_noise > 0.0) {
    z = z + options_.latent_noise * torch::randn_like(z);
  }
  return held(z, options_.latent_hops);
}

torch::Tensor DecompositionModelImpl::components(const torch::Tensor& x_alpha, const torch::Tensor& alpha,
                                                 const torch::Tensor& z) {
  const std::int64_t count = component_count();
  const bool own_states = x_alpha.defined() && x_alpha.dim() == 4;
  const std::int64_t frame_axis = own_states ? 3 : 2;
  if (!x_alpha.defined() || (x_alpha.dim() != 3 && !own_states) || (own_states && x_alpha.size(1) != count)) {
    fail<DecompositionError>(
        "model: x_alpha is {}, expected [batch, channel, frame] or [batch, {}, channel, frame]",
        shape_text(x_alpha), count);
  }
  if (!z.defined() || z.dim() != 4 || z.size(0) != x_alpha.size(0) || z.size(1) != count) {
    fail<DecompositionError>("model: z is {}, expected [{}, {}, latent channel, latent frame]", shape_text(z),
                             x_alpha.size(0), count);
  }
  const std::int64_t batch = x_alpha.size(0);
  const std::int64_t channels = x_alpha.size(frame_axis - 1);
  const std::int64_t frames = x_alpha.size(frame_axis);
  torch::Tensor states;
  torch::Tensor levels;
  if (options_.autoencoder) {
    states = torch::zeros({batch * count, channels, frames}, x_alpha.options());
    levels = torch::zeros({batch * count}, x_alpha.options());
  } else {
    const torch::Tensor repeated =
        own_states ? x_alpha : x_alpha.unsqueeze(1).expand({batch, count, channels, frames});
    states = repeated.reshape({batch * count, channels, frames});
    levels = alpha.repeat_interleave(count);
  }
  const torch::Tensor flat = unet->forward(states, levels, z.flatten(0, 1));
  return constrain(flat, options_.component_activation).view({batch, count, channels, frames});
}

torch::Tensor DecompositionModelImpl::component(const torch::Tensor& x_alpha, const torch::Tensor& alpha,
                                                const torch::Tensor& z, std::int64_t index) {
  if (index < 0 || index >= component_count() || !z.defined() || z.dim() != 4 ||
      z.size(1) != component_count()) {
    fail<DecompositionError>("model: component {} of z {} was asked for; the model has {} components", index,
                             shape_text(z), component_count());
  }
  const torch::Tensor condition = z.select(1, index);
  const torch::Tensor prediction =
      options_.autoencoder ? unet->forward(torch::zeros_like(x_alpha), torch::zeros_like(alpha), condition)
                           : unet->forward(x_alpha, alpha, condition);
  return constrain(prediction, options_.component_activation);
}

torch::Tensor DecompositionModelImpl::compose(const torch::Tensor& components) const {
  if (!components.defined() || components.dim() < 2) {
    fail<DecompositionError>("compose: the components are {}, expected [batch, component, channel, frame]",
                             shape_text(components));
  }
  return operator_(components);
}

std::int64_t DecompositionModelImpl::component_count() const { return options_.encoder.n_comp; }

std::int64_t DecompositionModelImpl::latent_stride() const {
  const std::vector<std::int64_t>& strides = options_.encoder.strides;
  return std::accumulate(strides.begin(), strides.end(), std::int64_t{1}, std::multiplies<>());
}

torch::Tensor decompose(DecompositionModel& model, const torch::Tensor& x, const DecomposeOptions& options,
                        torch::Generator generator) {
  check_decompose(*model, x, options);
  const torch::NoGradGuard no_grad;
  const torch::Tensor z = model->encode(x);
  return sampled(*model, z, x.size(2), joint_network(*model, x, z, options.consistency), options,
                 std::move(generator));
}

torch::Tensor render(DecompositionModel& model, const torch::Tensor& z, const DecomposeOptions& options,
                     torch::Generator generator) {
  check_render(*model, z, options);
  const torch::NoGradGuard no_grad;
  return sampled(*model, z, z.size(3) * model->latent_stride(), joint_network(*model, {}, z, false), options,
                 std::move(generator));
}

}  // namespace partita::decomposition
