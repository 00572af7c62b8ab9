#include "decomposition_objective.hpp"

#include <algorithm>
#include <filesystem>

#include "crops.hpp"
#include "partita/base/autocast.hpp"
#include "partita/base/device.hpp"
#include "partita/base/random.hpp"
#include "partita/diffusion/iadb.hpp"

namespace partita::training {
namespace {

constexpr std::int64_t kValidationSteps = 20;  // of the sampler

decomposition::DecompositionModel seeded_model(const decomposition::ModelOptions& options,
                                               std::uint64_t seed) {
  torch::manual_seed(derive_seed(seed, "initial weights"));
  return decomposition::DecompositionModel(options);
}

}  // namespace

DecompositionObjective::DecompositionObjective(const TrainingOptions& options, std::vector<Stage> stages,
                                               const decomposition::ModelOptions& model_options,
                                               torch::Device device)
    : options_(options),
      device_(device),
      train_(options.store, "train"),
      validation_(open_validation(options.store)),
      batches_(train_.size(), train_.info().clip_frames, options.batch_size, options.crop_frames,
               options.seed),
      stages_(with_steps(std::move(stages), train_.size(), options.batch_size)),
      parts_(taught_parts(options, device)),
      model_(seeded_model(model_options, options.seed)) {
  check(options);
  model_->to(device_);
  if (!parts_.empty()) codec_ = codec::make_codec(train_.info().codec, device_);
  for (std::int64_t k = 0; k < model_->component_count(); ++k) {
    names_.push_back(parts_.empty() ? fmt::format("component-{}", k + 1)
                                    : parts_[static_cast<std::size_t>(k)].name());
  }
  separation_ = SeparationCheck::of(validation_, options.validation_clips);
}

void DecompositionObjective::check(const TrainingOptions& options) const {
  const std::int64_t channels = train_.info().latent_dim;
  const decomposition::ModelOptions& model = model_->options();
  if (model.unet.channels.front() != channels || model.encoder.in_dim != channels) {
    fail<TrainingError>(
        "{}: latents have {} channels, but model.unet.channels begins with {} and "
        "model.encoder.in_dim is {}",
        options.store.string(), channels, model.unet.channels.front(), model.encoder.in_dim);
  }
  if (options.crop_frames % model_->unet->frame_multiple() != 0) {
    fail<TrainingError>("training.crop_frames is {}: the U-Net needs a multiple of {}", options.crop_frames,
                        model_->unet->frame_multiple());
  }
  if (!parts_.empty() && static_cast<std::int64_t>(parts_.size()) != model_->component_count()) {
    fail<TrainingError>("masks teach {} parts, but model.encoder.n_comp is {}", parts_.size(),
                        model_->component_count());
  }
  if (model.autoencoder && stages_.back().name == kDiffusionStage) {
    fail<TrainingError>(
        "model.autoencoder is on, but training.diffusion_steps is {}: set it to 0 or leave "
        "model.autoencoder out",
        stages_.back().steps);
  }
}

void DecompositionObjective::begin_stage(const std::string& name) {
  model_->set_autoencoder(name == kAutoencoderStage);
}

double DecompositionObjective::seconds_read() const {
  double seconds = train_.seconds_read();
  for (const TaughtPart& part : parts_) seconds += part.seconds_read();
  return seconds;
}

torch::Tensor DecompositionObjective::autoencoder_loss(const torch::Tensor& x, const torch::Tensor& parts) {
  const Autocast autocast(device_, options_.bfloat16 && model_->is_training());
  const torch::Tensor components =
      model_->components(torch::zeros_like(x), torch::zeros({x.size(0)}, x.options()), model_->encode(x));
  return parts.defined() ? torch::mse_loss(components, parts)
                         : torch::mse_loss(model_->compose(components), x);
}

torch::Tensor DecompositionObjective::taught_loss(const torch::Tensor& parts) {
  return autoencoder_loss(codec_->superpose(parts), parts);
}

torch::Tensor DecompositionObjective::diffusion_loss(const torch::Tensor& x, const torch::Tensor& alpha,
                                                     const torch::Tensor& base) {
  const Autocast autocast(device_, options_.bfloat16 && model_->is_training());
  const torch::Tensor x_alpha = diffusion::blend(x, base, alpha);
  const torch::Tensor prediction = model_->compose(model_->components(x_alpha, alpha, model_->encode(x)));
  return diffusion::loss(model_->options().variant, prediction, x, base);
}

/// Taught: the parts. Of the auto-encoder stage: x. Of diffusion: x, α and x₀.
Inputs DecompositionObjective::draw(const Slice& slice) {
  if (taught()) return {parts_at(parts_, slice)};
  const torch::Tensor x = crops(train_, batches_.at(slice), options_.crop_frames);
  if (model_->options().autoencoder) return {on_device(x, device_)};
  torch::Tensor alpha = torch::empty({x.size(0)});
  torch::Tensor base = torch::empty_like(x);
  for_each_example(x.size(0), [&](std::int64_t i) {
    torch::Generator generator =
        make_generator(options_.seed, "blend", batches_.example(slice.step, slice.first + i));
    alpha[i].uniform_(0.0, 1.0, generator);
    base[i].normal_(0.0, 1.0, generator);
  });
  return {on_device(x, device_), on_device(alpha, device_), on_device(base, device_)};
}

torch::Tensor DecompositionObjective::loss(const Inputs& inputs) {
  if (taught()) return taught_loss(inputs.front());
  if (model_->options().autoencoder) return autoencoder_loss(inputs.front());
  return diffusion_loss(inputs[0], inputs[1], inputs[2]);
}

std::string DecompositionObjective::explain(std::int64_t first, std::int64_t last) {
  return taught() ? unusable_clip(parts_, first, last) : unusable_clip(train_, batches_, first, last);
}

double DecompositionObjective::validation_loss() {
  const torch::NoGradGuard no_grad;
  const std::int64_t there = taught() ? common_validation_clips(parts_) : validation_->size();
  const std::int64_t clips = std::min(there, std::max<std::int64_t>(options_.validation_clips, 1));
  return mean_in_batches(clips, [&](std::int64_t first, std::int64_t count) {
    if (taught()) return taught_loss(validation_parts(parts_, first, count, clips));
    const torch::Tensor x =
        middle_crops(*validation_, clips_after(first, count, 0, clips), options_.crop_frames).to(device_);
    if (model_->options().autoencoder) return autoencoder_loss(x);
    // Levels spread evenly over all clips, the same in every validation.
    const torch::Tensor place = torch::arange(first, first + x.size(0), torch::kFloat32);
    const torch::Tensor alpha = ((place + 0.5) / static_cast<double>(clips)).to(device_);
    const torch::Generator noise =
        make_generator(options_.seed, "validation", static_cast<std::uint64_t>(first));
    return diffusion_loss(x, alpha, torch::randn(x.sizes(), noise).to(device_));
  });
}

Validation DecompositionObjective::validate() {
  if (!validation_) return {};
  model_->eval();
  Validation validation{{{"loss", validation_loss()}}, {}};
  if (separation_) {
    const std::optional<SeparationFigures> separation = separation_->measure(
        [&](const torch::Tensor& x, std::int64_t first) {
          return decompose(model_, x.to(device_), {kValidationSteps, false},
                           make_generator(options_.seed, "separation", static_cast<std::uint64_t>(first)));
        },
        model_->unet->frame_multiple());
    if (separation) {
      const std::vector<std::string>& sources = validation_->info().sources;
      add_separation(validation, *separation, sources);
      for (std::size_t s = 0; s < sources.size(); ++s) {
        names_[static_cast<std::size_t>(separation->assignment[s])] = sources[s];
      }
    }
  }
  model_->train();
  return validation;
}

}  // namespace partita::training
