#include "demucs_objective.hpp"

#include <algorithm>
#include <utility>

#include "crops.hpp"
#include "partita/base/device.hpp"
#include "partita/base/random.hpp"

namespace partita::training {
namespace {

data::LatentStore with_sources(const TrainingOptions& options) {
  data::LatentStore store = open_training_audio(options.store);
  if (store.info().sources.empty()) {
    fail<TrainingError>("{}: the store knows no stems, which Demucs learns from; prepare it with --sources",
                        options.store.string());
  }
  return store;
}

baselines::Demucs seeded(baselines::DemucsOptions demucs, const data::StoreInfo& info, std::uint64_t seed) {
  torch::manual_seed(derive_seed(seed, "initial weights"));
  demucs.sources = info.sources;
  demucs.audio_channels = 1;
  demucs.sample_rate = info.sample_rate;
  return baselines::Demucs(std::move(demucs));
}

}  // namespace

DemucsObjective::DemucsObjective(const TrainingOptions& options, std::vector<Stage> stages,
                                 baselines::DemucsOptions demucs, const AugmentOptions& augment,
                                 torch::Device device)
    : options_(options),
      augment_(augment),
      device_(device),
      train_(with_sources(options)),
      validation_(open_validation(options.store)),
      stages_(with_steps(std::move(stages), clips(), options.batch_size)),
      network_(seeded(std::move(demucs), train_.info(), options.seed)),
      batches_(clips(), train_.audio_length(), options.batch_size, crop_length(), options.seed) {
  if (options.bfloat16)
    fail<TrainingError>("training.precision is 'bfloat16': Demucs is trained in 'float32'");
  if (validation_ && !validation_->has_audio()) validation_.reset();
  network_->to(device_);
}

std::int64_t DemucsObjective::crop_length() const {
  const std::int64_t clip = train_.audio_length();
  const std::int64_t frames = train_.info().clip_frames;
  const std::int64_t length = network_->valid_length(clip * options_.crop_frames / frames);
  if (length <= clip) return length;
  fail<TrainingError>(
      "training.crop_frames is {}: with what its convolutions need on both sides the network would hear {} "
      "samples, but the store's clips have {} ({} frames): lower crop_frames or the network's depth",
      options_.crop_frames, length, clip, frames);
}

torch::Tensor DemucsObjective::parts(const Slice& slice) {
  const Batches::Batch batch = batches_.at(slice.step);
  const auto size = static_cast<std::int64_t>(batch.clips.size());
  std::vector<torch::Tensor> order;
  for (std::int64_t source = 0; source < sources(); ++source) {
    const auto draw = static_cast<std::uint64_t>(slice.step * sources() + source);
    order.push_back(augment_.remix
                        ? torch::randperm(size, make_generator(options_.seed, "remix", draw), torch::kInt64)
                        : torch::arange(size, torch::kInt64));
  }
  std::vector<std::int64_t> clips, sounds, offsets;
  for (std::int64_t place = slice.first; place < slice.first + slice.count; ++place) {
    for (std::int64_t source = 0; source < sources(); ++source) {
      const auto from = order[static_cast<std::size_t>(source)][place].item<std::int64_t>();
      clips.push_back(batch.clips[static_cast<std::size_t>(from)]);
      offsets.push_back(batch.offsets[static_cast<std::size_t>(from)]);
      sounds.push_back(source + 1);
    }
  }
  return train_.audio_crops(clips, sounds, offsets, crop_length()).reshape({slice.count, sources(), -1});
}

void DemucsObjective::turn_up(torch::Tensor& parts, const Slice& slice) {
  for (std::int64_t i = 0; i < slice.count; ++i) {
    const torch::Generator random =
        make_generator(options_.seed, "augment", batches_.example(slice.step, slice.first + i));
    torch::Tensor gain =
        torch::empty({sources(), 1}).uniform_(augment_.least_gain, augment_.most_gain, random);
    const torch::Tensor flipped = torch::randint(2, {sources(), 1}, random, torch::kInt64);
    if (augment_.flip_sign) gain = gain * (1.0 - 2.0 * flipped);
    parts[i] *= gain;
  }
}

/// The sources, `[batch, source, sample]`.
Inputs DemucsObjective::draw(const Slice& slice) {
  torch::Tensor truth = parts(slice);
  turn_up(truth, slice);
  return {on_device(truth, device_)};
}

torch::Tensor DemucsObjective::loss(const Inputs& inputs) {
  const torch::Tensor& truth = inputs.front();
  const torch::Tensor found = network_->forward(truth.sum(1, true)).squeeze(2);
  return torch::l1_loss(found, baselines::middle(truth, found.size(2)));
}

std::string DemucsObjective::explain(std::int64_t first, std::int64_t last) {
  for (std::int64_t step = first; step < last; ++step) {
    for (const std::int64_t clip : batches_.at(step).clips) {
      for (std::int64_t source = 1; source <= sources(); ++source) {
        const torch::Tensor sound = train_.audio_crops({clip}, {source}, {0}, train_.audio_length());
        if (torch::isfinite(sound).all().item<bool>()) continue;
        return fmt::format(
            "the audio of training clip {} has samples that are not finite; prepare the store anew", clip);
      }
    }
  }
  return {};
}

std::vector<evaluation::Clip> DemucsObjective::validation_clips() const {
  const std::int64_t count =
      std::min(validation_->audio_clips(), std::max<std::int64_t>(options_.validation_clips, 1));
  const std::int64_t length = validation_->audio_length();
  std::vector<evaluation::Clip> clips;
  for (std::int64_t i = 0; i < count; ++i) {
    std::vector<torch::Tensor> sounds;
    for (std::int64_t sound = 0; sound <= sources(); ++sound)
      sounds.push_back(validation_->audio_crops({i}, {sound}, {0}, length).squeeze(0));
    clips.push_back({fmt::format("validation-{}", i), sounds.front(),
                     torch::stack(std::vector<torch::Tensor>(sounds.begin() + 1, sounds.end())),
                     validation_->info().sample_rate});
  }
  return clips;
}

Validation DemucsObjective::validate() {
  if (!validation_) return {};
  const std::vector<evaluation::Clip> clips = validation_clips();
  const std::vector<std::string>& names = validation_->info().sources;
  network_->eval();
  double loss = 0.0;
  Validation validation;
  const evaluation::System system{
      "demucs", [&](const evaluation::Clip& clip) {
        torch::Tensor found = baselines::separate_segments(*network_, clip.mixture.unsqueeze(0)).squeeze(1);
        // A store's mixture is the mean of its sources.
        loss += torch::l1_loss(found, clip.references / static_cast<double>(names.size())).item<double>() /
                static_cast<double>(clips.size());
        if (validation.sounds.empty()) {
          validation.sounds.push_back({"mixture", clip.mixture, clip.sample_rate});
          for (std::size_t i = 0; i < names.size(); ++i)
            validation.sounds.push_back({names[i], found[static_cast<std::int64_t>(i)], clip.sample_rate});
        }
        return found;
      }};
  const evaluation::Summary summary = evaluation::evaluate(system, clips, names);
  network_->train();
  validation.figures.emplace_back("loss", loss);
  validation.figures.emplace_back("si_sdr", summary.rows.back().sdr.mean);
  for (std::size_t i = 0; i < names.size(); ++i)
    validation.figures.emplace_back("si_sdr_" + names[i], summary.rows[i].sdr.mean);
  return validation;
}

}  // namespace partita::training
