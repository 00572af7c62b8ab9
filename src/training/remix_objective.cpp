#include "remix_objective.hpp"

#include <algorithm>

#include "crops.hpp"
#include "part_variation.hpp"
#include "partita/base/autocast.hpp"
#include "partita/base/random.hpp"
#include "partita/decomposition/separator.hpp"
#include "teachers.hpp"

namespace partita::training {
namespace {

RemixNetworks seeded(const nn::MaskNetworkOptions& options, std::uint64_t seed) {
  torch::manual_seed(derive_seed(seed, "initial weights"));
  return RemixNetworks(options);
}

}  // namespace

RemixNetworksImpl::RemixNetworksImpl(const nn::MaskNetworkOptions& options) {
  student = register_module("student", nn::MaskNetwork(options));
  teacher = register_module("teacher", nn::MaskNetwork(options));
  for (torch::Tensor& parameter : teacher->parameters()) parameter.set_requires_grad(false);
  round_ = register_buffer("round", torch::zeros({}, torch::kInt64));
}

void RemixNetworksImpl::begin_round(std::int64_t round) {
  if (begun_ >= round) return;
  begun_ = round;
  const torch::NoGradGuard no_grad;
  if (round_.item<std::int64_t>() >= round) return;
  io::load_state(*teacher, io::state_of(*student), "teacher");
  round_.fill_(round);
}

RemixObjective::RemixObjective(const TrainingOptions& options, const RemixOptions& remix,
                               const nn::MaskNetworkOptions& masks, const io::ModelFolder& decomposition,
                               torch::Device device)
    : options_(options),
      remix_(remix),
      device_(device),
      train_(options.store, "train"),
      validation_(open_validation(options.store)),
      codec_(codec::make_codec(train_.info().codec, device)),
      decomposition_(decomposition::load_model(decomposition, device)),
      batches_(batches_of_parts(train_, options, "remix component", decomposition_->component_count())),
      stages_(remix_stages(remix, options)),
      networks_(seeded(masks, options.seed)) {
  if (train_.info().latent_dim != masks.in_dim) {
    fail<TrainingError>("{}: latents have {} channels, but those of {} have {}", options.store.string(),
                        train_.info().latent_dim, decomposition.path().string(), masks.in_dim);
  }
  if (const std::int64_t multiple = decomposition_->unet->frame_multiple();
      options.crop_frames % multiple != 0) {
    fail<TrainingError>("training.crop_frames is {}: the decomposition's U-Net needs a multiple of {}",
                        options.crop_frames, multiple);
  }
  if (!options.teachers.empty()) start_from_teacher(decomposition);
  networks_->to(device_);
  separation_ = SeparationCheck::of(validation_, options.validation_clips);
}

/// One teacher that is built like the student is also what the student begins with.
void RemixObjective::start_from_teacher(const io::ModelFolder& decomposition) {
  first_teacher_ = teachers_of(options_, device_);
  first_teacher_->reorder(decomposition.card().get<std::vector<std::string>>("components"));
  const nn::MaskNetwork& front = first_teacher_->front();
  if (options_.teachers.size() == 1 &&
      decomposition::to_toml(front->options()) == decomposition::to_toml(masks())) {
    io::load_state(*networks_->student, io::state_of(*front), options_.teachers.front());
  }
}

void RemixObjective::begin_stage(const std::string& name) {
  const auto stage =
      std::find_if(stages_.begin(), stages_.end(), [&](const Stage& one) { return one.name == name; });
  round_ = stage - stages_.begin();
  networks_->begin_round(round_);
}

torch::Tensor RemixObjective::taught(const torch::Tensor& x, std::uint64_t draw) {
  const torch::NoGradGuard no_grad;
  if (round_ == 0 && !first_teacher_) {
    const torch::Tensor components = decompose(decomposition_, x, {remix_.teacher_steps, false},
                                               make_generator(options_.seed, "teacher", draw));
    return codec_->share_out(x, codec_->power_shares(components));
  }
  const Autocast autocast(device_, options_.bfloat16);
  if (round_ == 0) return first_teacher_->parts(x, *codec_);
  return codec_->share_out(x, networks_->teacher->forward(x).to(x.scalar_type()));
}

RemixObjective::Remix RemixObjective::remix(const std::vector<torch::Tensor>& mixtures, const char* purpose,
                                            std::uint64_t first_example) {
  const auto count = static_cast<std::int64_t>(mixtures.size());
  const torch::Tensor all = torch::cat(mixtures).to(device_);
  const torch::Tensor parts =
      taught(all, first_example).unflatten(0, std::vector<std::int64_t>{count, mixtures.front().size(0)});
  std::vector<torch::Tensor> chosen;  // of component k: what it is in the mixtures drawn for it
  for (std::int64_t k = 0; k < count; ++k) chosen.push_back(parts[k].select(1, k));
  const torch::Tensor varied =
      varied_parts(torch::stack(chosen, 1), remix_, {options_.seed, purpose, first_example});
  return {codec_->superpose(varied), codec_->power_shares(varied)};
}

torch::Tensor RemixObjective::loss_of(const Remix& remix) {
  const Autocast autocast(device_, options_.bfloat16 && networks_->is_training());
  const torch::Tensor mixture = remix.mixture.unsqueeze(1);
  return torch::mse_loss(networks_->student->forward(remix.mixture) * mixture, remix.shares * mixture);
}

torch::Tensor RemixObjective::found(const torch::Tensor& x) {
  return codec_->share_out(x, networks_->student->forward(x));
}

torch::Tensor RemixObjective::loss(const Slice& slice) {
  std::vector<torch::Tensor> mixtures;
  for (Batches& batches : batches_) {
    mixtures.push_back(crops(train_, batches.at(slice), options_.crop_frames));
  }
  return loss_of(remix(mixtures, "gains", batches_.front().example(slice.step, slice.first)));
}

std::string RemixObjective::explain(std::int64_t first, std::int64_t last) {
  return unusable_clip(train_, batches_, first, last);
}

/// On remixes of validation clips with those that follow them, the same in every validation of a round.
double RemixObjective::validation_loss() {
  const torch::NoGradGuard no_grad;
  const std::int64_t clips =
      std::min(validation_->size(), std::max<std::int64_t>(options_.validation_clips, 1));
  return mean_in_batches(clips, [&](std::int64_t first, std::int64_t count) {
    std::vector<torch::Tensor> mixtures;
    for (std::size_t k = 0; k < batches_.size(); ++k) {
      std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
      for (std::int64_t i = 0; i < count; ++i) {
        indices[static_cast<std::size_t>(i)] = (first + i + static_cast<std::int64_t>(k)) % clips;
      }
      mixtures.push_back(middle_crops(*validation_, indices, options_.crop_frames));
    }
    return loss_of(remix(mixtures, "validation gains", static_cast<std::uint64_t>(first)));
  });
}

Validation RemixObjective::validate() {
  if (!validation_) return {};
  networks_->eval();
  Validation validation{{{"loss", validation_loss()}}, {}};
  if (separation_) {
    const std::optional<SeparationFigures> separation = separation_->measure(
        [this](const torch::Tensor& latents, std::int64_t) { return found(latents.to(device_)); }, 1);
    if (separation) add_separation(validation, *separation, validation_->info().sources);
  }
  networks_->train();
  return validation;
}

}  // namespace partita::training
