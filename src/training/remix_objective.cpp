#include "remix_objective.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "crops.hpp"
#include "part_variation.hpp"
#include "partita/base/autocast.hpp"
#include "partita/base/device.hpp"
#include "partita/base/random.hpp"
#include "partita/decomposition/separator.hpp"

namespace partita::training {
namespace {

RemixNetworks seeded(const nn::MaskNetworkOptions& options, std::uint64_t seed) {
  torch::manual_seed(derive_seed(seed, "initial weights"));
  return RemixNetworks(options);
}

/// What a teacher that is built like the student, but perhaps for another number of components, knows
/// already.
void begin_like(nn::MaskNetwork& student, const nn::MaskNetwork& teacher) {
  nn::MaskNetworkOptions alike = teacher->options();
  alike.n_comp = student->options().n_comp;
  if (decomposition::to_toml(alike) != decomposition::to_toml(student->options())) return;
  io::TensorMap state = io::state_of(*student);
  for (const auto& [name, tensor] : io::state_of(*teacher)) {
    if (state.at(name).sizes() == tensor.sizes()) state[name] = tensor;
  }
  io::load_state(*student, state, "teacher");
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
      parts_(taught_parts(options, device)),
      networks_(seeded(masks, options.seed)) {
  check(decomposition);
  if (!parts_.empty()) begin_with_parts(decomposition);
  networks_->to(device_);
  separation_ = SeparationCheck::of(validation_, options.validation_clips);
}

void RemixObjective::check(const io::ModelFolder& decomposition) const {
  if (train_.info().latent_dim != masks().in_dim) {
    fail<TrainingError>("{}: latents have {} channels, but those of {} have {}", options_.store.string(),
                        train_.info().latent_dim, decomposition.path().string(), masks().in_dim);
  }
  if (const std::int64_t multiple = decomposition_->unet->frame_multiple();
      options_.crop_frames % multiple != 0) {
    fail<TrainingError>("training.crop_frames is {}: the decomposition's U-Net needs a multiple of {}",
                        options_.crop_frames, multiple);
  }
}

void RemixObjective::begin_with_parts(const io::ModelFolder& decomposition) {
  const auto names = decomposition.card().get<std::vector<std::string>>("components");
  std::vector<TaughtPart> ordered;
  for (const std::string& name : names) {
    const auto part =
        std::find_if(parts_.begin(), parts_.end(), [&](const TaughtPart& one) { return one.name() == name; });
    if (part == parts_.end() || parts_.size() != names.size()) {
      fail<TrainingError>("{} has the components {}: expected a taught part of each, and no others",
                          decomposition.path().string(), fmt::join(names, ", "));
    }
    ordered.push_back(*part);
  }
  parts_ = std::move(ordered);
  begin_like(networks_->student, parts_.front().masks());
}

double RemixObjective::seconds_read() const {
  double seconds = train_.seconds_read();
  for (const TaughtPart& part : parts_) seconds += part.seconds_read();
  return seconds;
}

void RemixObjective::begin_stage(const std::string& name) {
  const auto stage =
      std::find_if(stages_.begin(), stages_.end(), [&](const Stage& one) { return one.name == name; });
  round_ = stage - stages_.begin();
  networks_->begin_round(round_);
}

torch::Tensor RemixObjective::taught(const torch::Tensor& x, std::uint64_t draw) {
  const torch::NoGradGuard no_grad;
  if (round_ == 0) {
    const torch::Tensor components = decompose(decomposition_, x, {remix_.teacher_steps, false},
                                               make_generator(options_.seed, "teacher", draw));
    return codec_->share_out(x, codec_->power_shares(components));
  }
  const Autocast autocast(device_, options_.bfloat16);
  return codec_->share_out(x, networks_->teacher->forward(x).to(x.scalar_type()));
}

torch::Tensor RemixObjective::parts_of(const std::vector<torch::Tensor>& mixtures, std::uint64_t draw) {
  const auto count = static_cast<std::int64_t>(mixtures.size());
  const torch::Tensor found = taught(on_device(torch::cat(mixtures), device_), draw)
                                  .unflatten(0, std::vector<std::int64_t>{count, mixtures.front().size(0)});
  std::vector<torch::Tensor> chosen;  // of component k: what it is in the mixtures drawn for it
  for (std::int64_t k = 0; k < count; ++k) chosen.push_back(found[k].select(1, k));
  return torch::stack(chosen, 1);
}

Inputs RemixObjective::remix(const torch::Tensor& parts, const char* purpose, std::uint64_t first_example) {
  const torch::Tensor varied = varied_parts(parts, remix_, {options_.seed, purpose, first_example});
  return {codec_->superpose(varied), codec_->power_shares(varied)};
}

torch::Tensor RemixObjective::loss(const Inputs& inputs) {
  const Autocast autocast(device_, options_.bfloat16 && networks_->is_training());
  const torch::Tensor mixture = inputs[0].unsqueeze(1);
  return torch::mse_loss(networks_->student->forward(inputs[0]) * mixture, inputs[1] * mixture);
}

torch::Tensor RemixObjective::found(const torch::Tensor& x) {
  return codec_->share_out(x, networks_->student->forward(x));
}

/// A mixture and the shares of its parts.
Inputs RemixObjective::draw(const Slice& slice) {
  const std::uint64_t example = batches_.front().example(slice.step, slice.first);
  if (taught_elsewhere()) return remix(parts_at(parts_, slice), "gains", example);
  std::vector<torch::Tensor> mixtures;
  for (Batches& batches : batches_) {
    mixtures.push_back(crops(train_, batches.at(slice), options_.crop_frames));
  }
  return remix(parts_of(mixtures, example), "gains", example);
}

std::string RemixObjective::explain(std::int64_t first, std::int64_t last) {
  return taught_elsewhere() ? unusable_clip(parts_, first, last)
                            : unusable_clip(train_, batches_, first, last);
}

/// On remixes of validation clips with those that follow them, the same in every validation of a round.
double RemixObjective::validation_loss() {
  const torch::NoGradGuard no_grad;
  const std::int64_t there = taught_elsewhere() ? common_validation_clips(parts_) : validation_->size();
  const std::int64_t clips = std::min(there, std::max<std::int64_t>(options_.validation_clips, 1));
  return mean_in_batches(clips, [&](std::int64_t first, std::int64_t count) {
    const auto draw = static_cast<std::uint64_t>(first);
    if (taught_elsewhere())
      return loss(remix(validation_parts(parts_, first, count, clips), "validation gains", draw));
    std::vector<torch::Tensor> mixtures;
    for (std::size_t k = 0; k < batches_.size(); ++k) {
      const auto indices = clips_after(first, count, static_cast<std::int64_t>(k), clips);
      mixtures.push_back(middle_crops(*validation_, indices, options_.crop_frames));
    }
    return loss(remix(parts_of(mixtures, draw), "validation gains", draw));
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
