#include "partita/baselines/lass.hpp"

#include <fmt/ranges.h>
#include <torch/nn/modules/container/modulelist.h>

#include <algorithm>
#include <set>
#include <utility>

#include "partita/base/random.hpp"
#include "partita/base/rounding.hpp"
#include "partita/diffusion/windows.hpp"

namespace partita::baselines {
namespace {

constexpr std::int64_t kWindowsAtOnce = 8;

void read(const io::Config& table, const char* key, std::int64_t& value, std::int64_t least) {
  value = table.get<std::int64_t>(key, value);
  table.require(value >= least, key, fmt::format("{} or more", least));
}

nn::VqVaeOptions vq_vae_options(const io::Config& table) {
  nn::VqVaeOptions options;
  read(table, "in_dim", options.in_dim, 1);
  read(table, "bands", options.bands, 1);
  read(table, "frames", options.frames, 1);
  read(table, "channels", options.channels, 1);
  read(table, "blocks", options.blocks, 0);
  read(table, "codes", options.quantizer.codes, 2);
  read(table, "dimension", options.quantizer.dimension, 1);
  options.quantizer.decay = table.get<double>("decay", options.quantizer.decay);
  table.require(options.in_dim % options.bands == 0, "bands",
                fmt::format("a divisor of the {} channels", options.in_dim));
  table.require(options.quantizer.codes <= 4096, "codes", "4096 or less: pairs of them are held in memory");
  table.require(options.quantizer.decay >= 0.0 && options.quantizer.decay < 1.0, "decay", "in [0, 1)");
  return options;
}

nn::CodePriorOptions prior_options(const io::Config& table) {
  nn::CodePriorOptions options;
  read(table, "channels", options.channels, 1);
  read(table, "heads", options.heads, 1);
  read(table, "layers", options.layers, 1);
  table.require(options.channels % options.heads == 0, "heads", "a divisor of channels");
  return options;
}

LassSampling sampling_options(const io::Config& table) {
  LassSampling options;
  read(table, "candidates", options.candidates, 1);
  read(table, "top_k", options.top_k, 0);
  options.temperature = table.get<double>("temperature", options.temperature);
  options.likelihood_weight = table.get<double>("likelihood_weight", options.likelihood_weight);
  table.require(options.temperature > 0.0, "temperature", "more than 0");
  table.require(options.likelihood_weight >= 0.0, "likelihood_weight", "0 or more");
  return options;
}

/// A prior as the sampler asks it, with what it has seen kept.
NextCode asked(nn::CodePrior prior) {
  auto cache = std::make_shared<nn::CodePriorCache>();
  return [prior, cache](const torch::Tensor& so_far) mutable {
    const bool start = so_far.size(1) == 0;
    if (start) *cache = {};
    const torch::Tensor last = start ? torch::zeros({so_far.size(0)}, torch::kLong) : so_far.select(1, -1);
    const torch::Device device = prior->parameters().front().device();
    return prior->next(last.to(device), *cache).log_softmax(1);
  };
}

void check_card(const io::ModelFolder& folder, const std::vector<std::string>& names) {
  if (folder.kind() != "lass") {
    fail<BaselineError>("{}: expected a model of kind 'lass', found kind '{}'", folder.path().string(),
                        folder.kind());
  }
  const std::set<std::string> distinct(names.begin(), names.end());
  if (static_cast<std::int64_t>(names.size()) != kLassSources || distinct.size() != names.size() ||
      distinct.contains("")) {
    fail<BaselineError>("{}: expected {} different components, found [{}]", folder.path().string(),
                        kLassSources, fmt::join(names, ", "));
  }
}

std::string codec_name(const std::string& codec, const std::string& vocoder) {
  return vocoder.empty() ? codec : codec + "@" + vocoder;
}

}  // namespace

LassOptions lass_options(const io::Config& config, std::int64_t window_frames) {
  LassOptions options;
  options.vq_vae = vq_vae_options(config.table("vqvae"));
  options.prior = prior_options(config.table("prior"));
  options.sampling = sampling_options(config.table("sampling"));
  config.table("vqvae").require(window_frames % options.vq_vae.frames == 0, "frames",
                                fmt::format("a divisor of the window's {} frames", window_frames));
  options.prior.codes = options.vq_vae.quantizer.codes;
  options.prior.rows = options.vq_vae.in_dim / options.vq_vae.bands;
  options.prior.steps = window_frames / options.vq_vae.frames;
  return options;
}

std::string to_toml(const LassOptions& options) {
  const nn::VqVaeOptions& vq = options.vq_vae;
  return fmt::format(
      "[vqvae]\nin_dim = {}\nbands = {}\nframes = {}\nchannels = {}\nblocks = {}\ncodes = {}\ndimension = "
      "{}\n"
      "decay = {:.6f}\n\n[prior]\nchannels = {}\nheads = {}\nlayers = {}\n\n[sampling]\ncandidates = {}\n"
      "temperature = {:.6f}\ntop_k = {}\nlikelihood_weight = {:.6f}\n",
      vq.in_dim, vq.bands, vq.frames, vq.channels, vq.blocks, vq.quantizer.codes, vq.quantizer.dimension,
      vq.quantizer.decay, options.prior.channels, options.prior.heads, options.prior.layers,
      options.sampling.candidates, options.sampling.temperature, options.sampling.top_k,
      options.sampling.likelihood_weight);
}

LassNetworksImpl::LassNetworksImpl(const LassOptions& options) : options_(options) {
  vqvae = register_module("vqvae", nn::VqVae(options_.vq_vae));
  torch::nn::ModuleList list = register_module("priors", torch::nn::ModuleList());
  for (std::int64_t source = 0; source < kLassSources; ++source) {
    priors.emplace_back(options_.prior);
    list->push_back(priors.back());
  }
}

torch::Tensor lass_components(LassNetworks& networks, const SumLikelihood& sums, codec::Codec& codec,
                              const torch::Tensor& x, std::vector<torch::Generator> generators) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor mixture = networks->vqvae->encode(x).to(torch::kCPU);
  const torch::Tensor codes = sample_pairs({asked(networks->priors[0]), asked(networks->priors[1])}, sums,
                                           mixture, networks->options().sampling, std::move(generators))
                                  .codes;
  std::vector<torch::Tensor> best;
  for (std::int64_t window = 0; window < x.size(0); ++window) {
    // [source, candidate, position] to [candidate, source, channel, frame].
    const torch::Tensor drawn = codes.select(1, window);
    const torch::Tensor parts = networks->vqvae->decode(drawn.flatten(0, 1).to(x.device()))
                                    .unflatten(0, std::vector<std::int64_t>{kLassSources, drawn.size(1)})
                                    .transpose(0, 1);
    const torch::Tensor error = (codec.superpose(parts) - x[window]).square().mean({1, 2});
    best.push_back(parts[error.argmin().item<std::int64_t>()]);
  }
  return torch::stack(best);
}

LassSeparator::LassSeparator(const io::ModelFolder& folder, const decomposition::SeparatorOptions& options,
                             torch::Device device)
    : options_(options), device_(device) {
  if (options_.refinement == decomposition::Refinement::Learned) {
    fail<UsageError>("{}: LASS has no mask network for learned refinement; use wiener or none",
                     folder.path().string());
  }
  const io::Config& card = folder.card();
  names_ = card.get<std::vector<std::string>>("components");
  check_card(folder, names_);
  window_frames_ = card.get<std::int64_t>("window_frames");
  card.require(window_frames_ > 0, "window_frames", "1 or more");
  codec_ = codec::make_codec(codec_name(card.get<std::string>("codec"), options.vocoder), device);
  const LassOptions architecture = lass_options(card, window_frames_);
  if (architecture.vq_vae.in_dim != codec_->latent_dim()) {
    fail<BaselineError>("{}: codec '{}' has latents of {} channels, but vqvae.in_dim is {}",
                        folder.path().string(), codec_->name(), codec_->latent_dim(),
                        architecture.vq_vae.in_dim);
  }
  networks_ = LassNetworks(architecture);
  io::load_state(*networks_, folder.weights().tensors(), folder.path().string());
  networks_->to(device);
  networks_->eval();
  sums_ = std::make_unique<SumLikelihood>(networks_->options().prior.codes);
  sums_->load(folder.weights(kSumsFile).tensors());
}

torch::Tensor LassSeparator::decompose_latents(const torch::Tensor& latents) {
  if (latents.dim() != 2 || latents.size(0) != codec_->latent_dim() || latents.size(1) < 1) {
    fail<BaselineError>("lass: latents: expected [{}, at least 1 frame], found {}", codec_->latent_dim(),
                        c10::str(latents.sizes()));
  }
  const std::int64_t patch = networks_->options().vq_vae.frames;
  const torch::Tensor x = diffusion::extended(latents.to(device_), rounded_up(latents.size(1), patch));
  const torch::Tensor parts = diffusion::in_windows(
      x, {window_frames_, options_.overlap, patch, kWindowsAtOnce},
      [&](const torch::Tensor& windows, std::int64_t first) {
        std::vector<torch::Generator> generators;
        for (std::int64_t i = 0; i < windows.size(0); ++i)
          generators.push_back(make_generator(options_.seed, "lass", static_cast<std::uint64_t>(first + i)));
        return lass_components(networks_, *sums_, *codec_, windows, std::move(generators));
      });
  return parts.slice(2, 0, latents.size(1));
}

}  // namespace partita::baselines
