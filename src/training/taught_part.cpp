#include "taught_part.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "crops.hpp"
#include "partita/base/autocast.hpp"
#include "partita/base/device.hpp"
#include "partita/base/random.hpp"
#include "partita/decomposition/separator.hpp"
#include "partita/io/model_folder.hpp"

namespace partita::training {
namespace {

std::vector<std::string> components_of(const io::ModelFolder& model) {
  return model.card().get<std::vector<std::string>>("components");
}

/// Where the component of that name is among a model's.
std::int64_t place_of(const std::string& component, const io::ModelFolder& model) {
  const std::vector<std::string> names = components_of(model);
  const auto found = std::find(names.begin(), names.end(), component);
  if (found == names.end()) {
    fail<TrainingError>("{}: this model finds {}, not {}", model.path().string(), fmt::join(names, " and "),
                        component);
  }
  return found - names.begin();
}

nn::MaskNetwork masks_of(const io::ModelFolder& model, torch::Device device) {
  if (!model.card().has("masks")) {
    fail<TrainingError>("{}: this model has no mask network, so that it cannot teach", model.path().string());
  }
  return decomposition::load_masks(model, decomposition::model_options(model.card()), device);
}

}  // namespace

TaughtPart::TaughtPart(const PartOptions& part, const TrainingOptions& options, std::int64_t place,
                       torch::Device device)
    : part_(part),
      crop_frames_(options.crop_frames),
      bfloat16_(options.bfloat16),
      device_(device),
      train_(part.store, "train"),
      validation_(open_validation(part.store)),
      codec_(codec::make_codec(train_.info().codec, device)),
      batches_(train_.size(), train_.info().clip_frames, options.batch_size, options.crop_frames,
               derive_seed(options.seed, "remix component", static_cast<std::uint64_t>(place))) {
  const io::ModelFolder teacher(io::find_model(part.teacher));
  component_ = place_of(part.component, teacher);
  masks_ = masks_of(teacher, device);
  if (masks_->options().in_dim != train_.info().latent_dim) {
    fail<TrainingError>("{}: latents have {} channels, but the masks of {} have {}", part.store.string(),
                        train_.info().latent_dim, part.teacher, masks_->options().in_dim);
  }
}

torch::Tensor TaughtPart::found(const torch::Tensor& mixtures) {
  const torch::NoGradGuard no_grad;
  const Autocast autocast(device_, bfloat16_);
  const torch::Tensor x = on_device(mixtures, device_);
  return codec_->share_out(x, masks_->forward(x).to(x.scalar_type())).select(1, component_);
}

torch::Tensor TaughtPart::at(const Slice& slice) {
  return found(crops(train_, batches_.at(slice), crop_frames_));
}

torch::Tensor TaughtPart::in_validation(const std::vector<std::int64_t>& clips) {
  return found(middle_crops(*validation_, clips, crop_frames_));
}

std::string TaughtPart::explain(std::int64_t first, std::int64_t last) {
  return unusable_clip(train_, batches_, first, last);
}

std::vector<TaughtPart> taught_parts(const TrainingOptions& options, torch::Device device) {
  std::vector<PartOptions> wanted = options.parts;
  if (wanted.empty() && !options.teacher.empty()) {
    for (const auto& name : components_of(io::ModelFolder(io::find_model(options.teacher))))
      wanted.push_back({name, options.store, options.teacher, name});
  }
  std::vector<TaughtPart> parts;
  parts.reserve(wanted.size());
  for (const PartOptions& part : wanted)
    parts.emplace_back(part, options, static_cast<std::int64_t>(parts.size()), device);
  if (!parts.empty() && open_validation(options.store) && common_validation_clips(parts) == 0) {
    fail<TrainingError>("{} has validation clips, but not every store of [parts] has: prepare them alike",
                        options.store.string());
  }
  return parts;
}

torch::Tensor parts_at(std::vector<TaughtPart>& parts, const Slice& slice) {
  std::vector<torch::Tensor> found;
  found.reserve(parts.size());
  for (TaughtPart& part : parts) found.push_back(part.at(slice));
  return torch::stack(found, 1);
}

torch::Tensor validation_parts(std::vector<TaughtPart>& parts, std::int64_t first, std::int64_t count,
                               std::int64_t clips) {
  std::vector<torch::Tensor> found;
  found.reserve(parts.size());
  for (std::size_t k = 0; k < parts.size(); ++k)
    found.push_back(parts[k].in_validation(clips_after(first, count, static_cast<std::int64_t>(k), clips)));
  return torch::stack(found, 1);
}

std::int64_t common_validation_clips(const std::vector<TaughtPart>& parts) {
  std::int64_t clips = parts.front().validation_clips();
  for (const TaughtPart& part : parts) clips = std::min(clips, part.validation_clips());
  return clips;
}

std::string unusable_clip(std::vector<TaughtPart>& parts, std::int64_t first, std::int64_t last) {
  for (TaughtPart& part : parts) {
    if (std::string reason = part.explain(first, last); !reason.empty()) return reason;
  }
  return {};
}

}  // namespace partita::training
