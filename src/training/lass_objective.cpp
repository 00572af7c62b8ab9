#include "lass_objective.hpp"

#include <algorithm>

#include "crops.hpp"
#include "part_variation.hpp"
#include "partita/base/device.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/base/random.hpp"

namespace partita::training {
namespace {

constexpr std::int64_t kCountedAtOnce = 16;

baselines::LassNetworks seeded(const baselines::LassOptions& options, std::uint64_t seed) {
  torch::manual_seed(derive_seed(seed, "initial weights"));
  return baselines::LassNetworks(options);
}

data::LatentStore with_two_sources(const TrainingOptions& options) {
  data::LatentStore store(options.store, "train");
  const data::StoreInfo& info = store.info();
  if (static_cast<std::int64_t>(info.sources.size()) != baselines::kLassSources || !info.source_latents) {
    fail<TrainingError>(
        "{}: LASS learns from stores with the latents of {} sources, this one has {}; prepare one with "
        "--sources and stems",
        options.store.string(), baselines::kLassSources, info.source_latents ? info.sources.size() : 0);
  }
  return store;
}

/// All sounds of a mix, one after another: mixtures, then parts, `[sound, channel, frame]`.
torch::Tensor sounds_of(const torch::Tensor& mixture, const torch::Tensor& parts) {
  return torch::cat({mixture, parts.flatten(0, 1)});
}

}  // namespace

LassObjective::LassObjective(const TrainingOptions& options, const LassTraining& training,
                             std::vector<Stage> stages, const baselines::LassOptions& lass,
                             torch::Device device)
    : options_(options),
      training_(training),
      device_(device),
      train_(with_two_sources(options)),
      validation_(open_validation(options.store)),
      codec_(codec::make_codec(train_.info().codec, device)),
      batches_(batches_of_parts(train_, options, "lass source", baselines::kLassSources)),
      stages_(std::move(stages)),
      networks_(seeded(lass, options.seed)) {
  check(options);
  networks_->to(device_);
  separation_ = SeparationCheck::of(validation_, options.validation_clips);
}

void LassObjective::check(const TrainingOptions& options) const {
  if (train_.info().latent_dim != lass().vq_vae.in_dim) {
    fail<TrainingError>("{}: latents have {} channels, but vqvae.in_dim is {}", options.store.string(),
                        train_.info().latent_dim, lass().vq_vae.in_dim);
  }
  if (options.bfloat16) fail<TrainingError>("training.precision is 'bfloat16': LASS is trained in 'float32'");
  if (options.ema_decay > 0.0) {
    fail<TrainingError>(
        "training.ema_decay is {}: codes of averaged weights would not be those that the priors learned; "
        "leave it 0",
        options.ema_decay);
  }
  if (options.cuda_graph)
    fail<TrainingError>(
        "training.cuda_graph is true: the codebook's updates cannot be recorded; leave it out");
  if (options.accumulate != 1)
    fail<TrainingError>("training.accumulate is {}: the codebook follows whole batches; leave it 1",
                        options.accumulate);
}

torch::Tensor LassObjective::part(const data::LatentStore& split, const Batches::Batch& batch,
                                  std::int64_t source) const {
  const torch::Tensor mixture = split.mixture_crops(batch.clips, batch.offsets, options_.crop_frames);
  const torch::Tensor whole = split.sources(batch.clips);
  std::vector<torch::Tensor> sources;
  for (std::size_t i = 0; i < batch.clips.size(); ++i) {
    sources.push_back(whole[static_cast<std::int64_t>(i)].narrow(2, batch.offsets[i], options_.crop_frames));
  }
  const torch::Tensor shares = codec_->power_shares(on_device(torch::stack(sources), device_));
  return codec_->share_out(on_device(mixture, device_), shares).select(1, source);
}

LassObjective::Mix LassObjective::mix(std::vector<Batches>& batches, const Slice& slice,
                                      const char* purpose) const {
  std::vector<torch::Tensor> parts;
  for (std::size_t source = 0; source < batches.size(); ++source)
    parts.push_back(part(train_, batches[source].at(slice), static_cast<std::int64_t>(source)));
  RemixOptions variation;
  variation.gain = training_.gain;
  const torch::Tensor varied =
      varied_parts(torch::stack(parts, 1), variation,
                   {options_.seed, purpose, batches.front().example(slice.step, slice.first)});
  return {codec_->superpose(varied), varied};
}

LassObjective::Mix LassObjective::validation_mix(std::int64_t first, std::int64_t count) const {
  Batches::Batch batch;
  for (std::int64_t i = first; i < first + count; ++i) {
    batch.clips.push_back(i);
    batch.offsets.push_back((validation_->info().clip_frames - options_.crop_frames) / 2);
  }
  const torch::Tensor parts = torch::stack({part(*validation_, batch, 0), part(*validation_, batch, 1)}, 1);
  return {codec_->superpose(parts), parts};
}

/// Nats a code, the mean of both priors.
torch::Tensor LassObjective::prior_loss(const Mix& mix) {
  torch::Tensor sum;
  for (std::int64_t source = 0; source < baselines::kLassSources; ++source) {
    const torch::Tensor codes = networks_->vqvae->encode(mix.parts.select(1, source));
    const torch::Tensor logits = networks_->priors[static_cast<std::size_t>(source)]->forward(codes);
    const torch::Tensor loss = torch::cross_entropy_loss(logits.flatten(0, 1), codes.flatten());
    sum = sum.defined() ? sum + loss : loss;
  }
  return sum / static_cast<double>(baselines::kLassSources);
}

/// Mixtures and their sources.
Inputs LassObjective::draw(const Slice& slice) {
  if (slice.count != options_.batch_size)
    fail<TrainingError>("LASS trains on one rank: its codebook follows whole batches");
  const Mix drawn = mix(batches_, slice, "gains");
  return {drawn.mixture, drawn.parts};
}

torch::Tensor LassObjective::loss(const Inputs& inputs) {
  const Mix drawn{inputs[0], inputs[1]};
  if (of_priors_) return prior_loss(drawn);
  const torch::Tensor x = sounds_of(drawn.mixture, drawn.parts);
  const nn::VqVaeImpl::Coded coded = networks_->vqvae->forward(x);
  return torch::mse_loss(coded.reconstruction, x) + training_.commitment * coded.commitment;
}

std::string LassObjective::explain(std::int64_t first, std::int64_t last) {
  return unusable_clip(train_, batches_, first, last);
}

baselines::SumLikelihood LassObjective::counted_sums() {
  const torch::NoGradGuard no_grad;
  const bool training = networks_->is_training();
  networks_->eval();
  baselines::SumLikelihood sums(lass().prior.codes);
  TrainingOptions at_once = options_;
  at_once.batch_size = kCountedAtOnce;
  std::vector<Batches> batches = batches_of_parts(train_, at_once, "lass sums", baselines::kLassSources);
  for (std::int64_t step = 0; step * kCountedAtOnce < training_.pairs; ++step) {
    throw_if_interrupted();
    const std::int64_t count = std::min(kCountedAtOnce, training_.pairs - step * kCountedAtOnce);
    const Mix drawn = mix(batches, {step, 0, count}, "sum gains");
    const torch::Tensor codes =
        networks_->vqvae->encode(sounds_of(drawn.mixture, drawn.parts)).to(torch::kCPU);
    const torch::Tensor parts =
        codes.narrow(0, count, 2 * count).unflatten(0, std::vector<std::int64_t>{count, 2});
    sums.count(parts.select(1, 0), parts.select(1, 1), codes.narrow(0, 0, count));
  }
  networks_->train(training);
  return sums;
}

/// The mean over validation clips; `used` counts each code.
double LassObjective::validation_loss(torch::Tensor& used) {
  const torch::NoGradGuard no_grad;
  const std::int64_t clips =
      std::min(validation_->size(), std::max<std::int64_t>(options_.validation_clips, 1));
  return mean_in_batches(clips, [&](std::int64_t first, std::int64_t count) {
    const Mix drawn = validation_mix(first, count);
    if (of_priors_) return prior_loss(drawn);
    const torch::Tensor x = sounds_of(drawn.mixture, drawn.parts);
    const nn::VqVaeImpl::Coded coded = networks_->vqvae->forward(x);
    const torch::Tensor codes = coded.codes.flatten().to(torch::kCPU);
    used.index_add_(0, codes, torch::ones(codes.sizes(), used.options()));
    return torch::mse_loss(coded.reconstruction, x);
  });
}

void LassObjective::measure_separation(Validation& validation) {
  if (!sums_) sums_ = std::make_unique<baselines::SumLikelihood>(counted_sums());
  const std::int64_t patch = lass().vq_vae.frames;
  const auto decompose = [&](const torch::Tensor& latents, std::int64_t first) {
    std::vector<torch::Tensor> stretches;  // of a window's length, side by side
    for (std::int64_t start = 0; start < latents.size(2); start += options_.crop_frames) {
      const std::int64_t frames = std::min(options_.crop_frames, latents.size(2) - start);
      std::vector<torch::Generator> generators;
      for (std::int64_t i = first; i < first + latents.size(0); ++i)
        generators.push_back(make_generator(options_.seed, "lass validation",
                                            static_cast<std::uint64_t>(i * latents.size(2) + start)));
      stretches.push_back(baselines::lass_components(
          networks_, *sums_, *codec_, latents.narrow(2, start, frames).to(device_), std::move(generators)));
    }
    return torch::cat(stretches, 3);
  };
  const std::optional<SeparationFigures> separation = separation_->measure(decompose, patch);
  if (separation) add_separation(validation, *separation, validation_->info().sources);
}

Validation LassObjective::validate() {
  if (!validation_) return {};
  networks_->eval();
  torch::Tensor used = torch::zeros({lass().prior.codes}, torch::kFloat64);
  Validation validation{{{"loss", validation_loss(used)}}, {}};
  if (of_priors_) {
    if (separation_) measure_separation(validation);
  } else {
    const torch::Tensor share = used / used.sum();
    validation.figures.emplace_back("perplexity",
                                    (-torch::special_xlogy(share, share).sum()).exp().item<double>());
  }
  networks_->train();
  return validation;
}

}  // namespace partita::training
