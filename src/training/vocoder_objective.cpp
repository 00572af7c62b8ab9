#include "vocoder_objective.hpp"

#include <algorithm>
#include <cmath>

#include "crops.hpp"
#include "partita/base/device.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/base/random.hpp"
#include "partita/evaluation/ms_stft.hpp"

namespace partita::training {
namespace {

constexpr std::int64_t kLeastFrames = 8;             // beyond what the widest window of the loss reflects
constexpr double kQuietest = -12.0, kLoudest = 6.0;  // dB by which training sounds are turned up

VocoderNetworks seeded(const codec::MelVocoderOptions& vocoder, const AdversaryOptions& adversary,
                       std::uint64_t seed) {
  torch::manual_seed(derive_seed(seed, "initial weights"));
  return VocoderNetworks(vocoder, adversary);
}

data::LatentStore with_audio(const TrainingOptions& options) {
  data::LatentStore store = open_training_audio(options.store);
  if (store.info().codec != "mel") {
    fail<TrainingError>("{}: the vocoder is one of codec 'mel', the store's is '{}'", options.store.string(),
                        store.info().codec);
  }
  return store;
}

/// The mean of each sound's own distance.
double mean_distance(const torch::Tensor& estimates, const torch::Tensor& references) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < references.size(0); ++i)
    sum += evaluation::ms_stft_distance(estimates[i], references[i]);
  return sum / static_cast<double>(references.size(0));
}

}  // namespace

VocoderNetworksImpl::VocoderNetworksImpl(const codec::MelVocoderOptions& vocoder_options,
                                         const AdversaryOptions& adversary_options) {
  vocoder = register_module("vocoder", codec::MelVocoder(vocoder_options));
  adversary = register_module("adversary", Adversary(adversary_options));
}

VocoderObjective::VocoderObjective(const TrainingOptions& options, std::vector<Stage> stages,
                                   const codec::MelVocoderOptions& vocoder, const AdversaryOptions& adversary,
                                   torch::Device device)
    : options_(options),
      device_(device),
      train_(with_audio(options)),
      validation_(open_validation(options.store)),
      codec_({}, device),
      batches_(clips(), train_.audio_length() / codec_.hop(), options.batch_size, options.crop_frames,
               options.seed),
      stages_(std::move(stages)),
      networks_(seeded(vocoder, adversary, options.seed)) {
  check(options);
  networks_->to(device_);
  if (validation_ && !validation_->has_audio()) validation_.reset();
}

void VocoderObjective::check(const TrainingOptions& options) const {
  if (options.crop_frames < kLeastFrames) {
    fail<TrainingError>("training.crop_frames is {}: a vocoder needs {} or more", options.crop_frames,
                        kLeastFrames);
  }
  if (options.bfloat16)
    fail<TrainingError>("training.precision is 'bfloat16': a vocoder is trained in 'float32'");
}

torch::Tensor VocoderObjective::sounds(const Batches::Batch& batch) const {
  const std::int64_t kinds = train_.sounds();
  std::vector<std::int64_t> places, kind, offsets;
  for (std::size_t i = 0; i < batch.clips.size(); ++i) {
    places.push_back(batch.clips[i] / kinds);
    kind.push_back(batch.clips[i] % kinds);
    offsets.push_back(batch.offsets[i] * codec_.hop());
  }
  return train_.audio_crops(places, kind, offsets, options_.crop_frames * codec_.hop());
}

torch::Tensor VocoderObjective::brought_back(const torch::Tensor& samples) {
  const torch::Tensor latents = codec_.encode(samples.unsqueeze(1));
  return networks_->vocoder->forward(latents, codec_.single_pass(latents));
}

/// Sounds as they are to come back, `[batch, sample]`.
Inputs VocoderObjective::draw(const Slice& slice) {
  const torch::Tensor kept = sounds(batches_.at(slice));
  torch::Tensor decibels = torch::empty({kept.size(0), 1});
  for (std::int64_t i = 0; i < kept.size(0); ++i) {
    decibels[i].uniform_(
        kQuietest, kLoudest,
        make_generator(options_.seed, "level", batches_.example(slice.step, slice.first + i)));
  }
  return {on_device(kept * torch::pow(10.0, decibels / 20.0), device_)};
}

torch::Tensor VocoderObjective::loss(const Inputs& inputs) {
  const torch::Tensor& truth = inputs.front();
  const torch::Tensor made = brought_back(truth);
  torch::Tensor loss = evaluation::ms_stft_loss(made, truth);
  if (adversarial_) {
    loss = loss + networks_->adversary->deception(made, truth) + networks_->adversary->detection(made, truth);
  }
  return loss;
}

std::string VocoderObjective::explain(std::int64_t first, std::int64_t last) {
  for (std::int64_t step = first; step < last; ++step) {
    const Batches::Batch batch = batches_.at(step);
    const torch::Tensor finite = torch::isfinite(sounds(batch)).all(1);
    for (std::size_t i = 0; i < batch.clips.size(); ++i) {
      if (finite[static_cast<std::int64_t>(i)].item<bool>()) continue;
      return fmt::format(
          "the audio of training clip {} has samples that are not finite; prepare the store anew",
          batch.clips[i] / train_.sounds());
    }
  }
  return {};
}

torch::Tensor VocoderObjective::validation_sounds(std::int64_t clip) const {
  const std::int64_t kinds = validation_->sounds();
  const std::int64_t length = validation_->audio_length() / codec_.hop() * codec_.hop();
  const auto count = static_cast<std::size_t>(kinds);
  std::vector<std::int64_t> kind;
  for (std::int64_t i = 0; i < kinds; ++i) kind.push_back(i);
  return validation_
      ->audio_crops(std::vector<std::int64_t>(count, clip), kind, std::vector<std::int64_t>(count, 0), length)
      .to(device_);
}

void VocoderObjective::measure_griffin_lim(std::int64_t clips) {
  if (griffin_lim_) return;
  double sum = 0.0;
  for (std::int64_t clip = 0; clip < clips; ++clip) {
    throw_if_interrupted();
    const torch::Tensor truth = validation_sounds(clip);
    const torch::Tensor heard = codec_.griffin_lim(codec_.encode(truth.unsqueeze(1)));
    if (clip == 0) griffin_lim_heard_ = heard;
    sum += mean_distance(heard, truth);
  }
  griffin_lim_ = sum / static_cast<double>(clips);
}

Validation VocoderObjective::validate() {
  if (!validation_) return {};
  const torch::NoGradGuard no_grad;
  const std::int64_t clips =
      std::min(validation_->audio_clips(), std::max<std::int64_t>(options_.validation_clips, 1));
  measure_griffin_lim(clips);
  networks_->eval();
  std::vector<std::string> kinds{"mixture"};
  const std::vector<std::string>& sources = validation_->info().sources;
  kinds.insert(kinds.end(), sources.begin(), sources.end());
  std::vector<double> sums(kinds.size(), 0.0);
  Validation validation;
  for (std::int64_t clip = 0; clip < clips; ++clip) {
    throw_if_interrupted();
    const torch::Tensor truth = validation_sounds(clip);
    const torch::Tensor heard = brought_back(truth);
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      sums[i] += evaluation::ms_stft_distance(heard[row], truth[row]) / static_cast<double>(clips);
      if (clip > 0) continue;
      const auto add = [&](const char* how, const torch::Tensor& samples) {
        validation.sounds.push_back({kinds[i] + how, samples[row].to(torch::kCPU), codec_.sample_rate()});
      };
      add("", truth);
      add(", vocoder", heard);
      add(", Griffin-Lim", griffin_lim_heard_);
    }
  }
  double sum = 0.0;
  for (const double one : sums) sum += one;
  validation.figures.emplace_back("loss", sum / static_cast<double>(kinds.size()));
  for (std::size_t i = 0; i < kinds.size(); ++i)
    validation.figures.emplace_back("ms_stft_" + kinds[i], sums[i]);
  validation.figures.emplace_back("ms_stft_griffin_lim", *griffin_lim_);
  networks_->train();
  return validation;
}

}  // namespace partita::training
