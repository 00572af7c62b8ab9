#include "prior_objective.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "crops.hpp"
#include "partita/base/autocast.hpp"
#include "partita/base/device.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/base/random.hpp"
#include "partita/decomposition/separator.hpp"

namespace partita::training {
namespace {

constexpr std::int64_t kEncodedAtOnce = 16;
constexpr std::int64_t kStatisticsClips = 512;  // spread over the training split
constexpr std::int64_t kSampleSteps = 50;

recomposition::Prior seeded_prior(const recomposition::PriorOptions& options,
                                  const recomposition::LatentForm& form, std::uint64_t seed) {
  torch::manual_seed(derive_seed(seed, "initial weights"));
  return recomposition::Prior(options, form);
}

std::vector<std::int64_t> numbered(std::int64_t count) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

}  // namespace

PriorObjective::PriorObjective(const TrainingOptions& options, std::vector<Stage> stages,
                               const MaskingOptions& masking, const recomposition::PriorOptions& prior,
                               const io::ModelFolder& decomposition, torch::Device device)
    : options_(options),
      device_(device),
      train_(options.store, "train"),
      validation_(open_validation(options.store)),
      codec_(codec::make_codec(train_.info().codec, device)),
      decomposition_(decomposition::load_model(decomposition, device)),
      names_(decomposition.card().get<std::vector<std::string>>("components")),
      form_(recomposition::LatentForm::of(decomposition_->options(),
                                          decomposition_->encoder->latent_channels())),
      probabilities_(recomposition::mask_probabilities(form_.components, masking.p_mask)),
      batches_(train_.size(), train_.info().clip_frames, options.batch_size, options.crop_frames,
               options.seed),
      stages_(with_steps(std::move(stages), train_.size(), options.batch_size)),
      prior_(seeded_prior(prior, form_, options.seed)) {
  check(decomposition.path().string());
  set_statistics();
  prior_->to(device_);
}

void PriorObjective::check(const std::string& decomposition) const {
  if (train_.info().latent_dim != decomposition_->options().encoder.in_dim) {
    fail<TrainingError>("{}: latents have {} channels, but those of {} have {}", options_.store.string(),
                        train_.info().latent_dim, decomposition, decomposition_->options().encoder.in_dim);
  }
  const std::int64_t multiple = prior_->frame_multiple() * decomposition_->latent_stride();
  if (options_.crop_frames % multiple != 0) {
    fail<TrainingError>("training.crop_frames is {}: the prior needs a multiple of {}", options_.crop_frames,
                        multiple);
  }
}

torch::Tensor PriorObjective::encoded(const data::LatentStore& split,
                                      const std::vector<std::int64_t>& clips) const {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> latents;
  for (std::size_t first = 0; first < clips.size(); first += kEncodedAtOnce) {
    throw_if_interrupted();
    const auto begin = clips.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end =
        clips.begin() + static_cast<std::ptrdiff_t>(std::min(first + kEncodedAtOnce, clips.size()));
    latents.push_back(decomposition_->encode(split.mixtures({begin, end}).to(device_)).to(torch::kCPU));
  }
  return torch::cat(latents);
}

void PriorObjective::set_statistics() {
  const std::int64_t count = std::min(train_.size(), kStatisticsClips);
  std::vector<std::int64_t> clips;
  for (std::int64_t i = 0; i < count; ++i) clips.push_back(i * train_.size() / count);
  prior_->set_statistics(encoded(train_, clips));
}

torch::Tensor PriorObjective::loss(const Inputs& inputs) {
  const Autocast autocast(device_, options_.bfloat16 && prior_->is_training());
  return recomposition::prior_loss(prior_, prior_->normalised(inputs[0]), inputs[1], inputs[2], inputs[3]);
}

/// z, noise, α and masks.
Inputs PriorObjective::draw(const Slice& slice) {
  if (!latents_.defined()) {
    spdlog::info("encoding {} clips", train_.size());
    latents_ = encoded(train_, numbered(train_.size()));
  }
  const std::int64_t stride = decomposition_->latent_stride();
  const std::int64_t frames = options_.crop_frames / stride;
  const Batches::Batch batch = batches_.at(slice);
  const auto count = static_cast<std::size_t>(slice.count);
  std::vector<torch::Tensor> z(count), noise(count), mask(count);
  torch::Tensor alpha = torch::empty({slice.count});
  for_each_example(slice.count, [&](std::int64_t i) {
    const auto place = static_cast<std::size_t>(i);
    const std::int64_t offset = batch.offsets[place] / stride / form_.unit() * form_.unit();
    z[place] = latents_[batch.clips[place]].narrow(2, offset, frames);
    torch::Generator generator =
        make_generator(options_.seed, "masking", batches_.example(slice.step, slice.first + i));
    alpha[i].uniform_(0.0, 1.0, generator);
    mask[place] =
        recomposition::to_tensor(recomposition::draw_mask(form_.components, probabilities_, generator));
    noise[place] = form_.noise(frames, generator);
  });
  return {on_device(torch::stack(z), device_), on_device(torch::stack(noise), device_),
          on_device(alpha, device_), on_device(torch::stack(mask), device_)};
}

std::string PriorObjective::explain(std::int64_t first, std::int64_t last) {
  return unusable_clip(train_, batches_, first, last);
}

/// At levels spread evenly over all clips, the same in every validation.
double PriorObjective::validation_loss(const recomposition::Mask& mask) {
  const torch::NoGradGuard no_grad;
  const std::int64_t clips = validation_latents_.size(0);
  const std::int64_t frames = options_.crop_frames / decomposition_->latent_stride();
  return mean_in_batches(clips, [&](std::int64_t first, std::int64_t count) {
    std::vector<torch::Tensor> noise;
    for (std::int64_t i = first; i < first + count; ++i) {
      noise.push_back(
          form_.noise(frames, make_generator(options_.seed, "validation", static_cast<std::uint64_t>(i))));
    }
    const torch::Tensor place = torch::arange(first, first + count, torch::kFloat32);
    const torch::Tensor z = validation_latents_.narrow(0, first, count).narrow(3, 0, frames);
    const torch::Tensor masks = recomposition::to_tensor(mask).unsqueeze(0).expand({count, form_.components});
    return loss({z.to(device_), torch::stack(noise).to(device_),
                 ((place + 0.5) / static_cast<double>(clips)).to(device_), masks.to(device_)});
  });
}

/// A mixture made from nothing.
Sound PriorObjective::sample() {
  const torch::NoGradGuard no_grad;
  const std::int64_t frames = options_.crop_frames / decomposition_->latent_stride();
  const torch::Tensor empty = torch::zeros({form_.components, form_.channels, frames}).to(device_);
  recomposition::RecomposeOptions how;
  how.steps = kSampleSteps;
  how.window_frames = frames;
  const torch::Tensor z = recomposition::recompose(
      prior_, empty, recomposition::masks(form_.components).back(), how, options_.seed);
  const torch::Tensor parts = decomposition::render(decomposition_, z.unsqueeze(0), {kSampleSteps},
                                                    make_generator(options_.seed, "validation sample"));
  const torch::Tensor wave =
      codec_->decode(decomposition_->compose(parts)).mean(1).squeeze(0).to(torch::kCPU);
  return {"made", wave, codec_->sample_rate()};
}

Validation PriorObjective::validate() {
  if (!validation_ || options_.validation_clips == 0) return {};
  if (!validation_latents_.defined()) {
    validation_latents_ =
        encoded(*validation_, numbered(std::min(validation_->size(), options_.validation_clips)));
  }
  prior_->eval();
  const std::vector<recomposition::Mask> masks = recomposition::masks(form_.components);
  Validation validation{{{"loss", 0.0}}, {}};
  for (std::size_t i = 0; i < masks.size(); ++i) {
    std::string name = "loss";
    for (std::size_t k = 0; k < names_.size(); ++k) {
      if (masks[i][k]) name += "_" + names_[k];
    }
    const double loss = validation_loss(masks[i]);
    validation.figures.front().second += probabilities_[i] * loss;
    validation.figures.emplace_back(name, loss);
  }
  if (validation_->has_audio()) validation.sounds.push_back(sample());
  prior_->train();
  return validation;
}

}  // namespace partita::training
