#include "partita/evaluation/recomposition.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "partita/audio/file.hpp"
#include "partita/base/interrupt.hpp"
#include "partita/base/random.hpp"
#include "partita/evaluation/onsets.hpp"

namespace partita::evaluation {
namespace {

namespace fs = std::filesystem;

constexpr double kTolerance = 0.05;  // seconds, as in mir_eval

/// What is known of a clip.
struct Encoded {
  torch::Tensor z;                                ///< `[component, channel, frame]`
  std::vector<std::vector<std::int64_t>> onsets;  ///< of each true part
  std::vector<std::vector<std::int64_t>> made;    ///< of each part as made for the others
};

class Writer {
 public:
  Writer(recomposition::Recomposer& recomposer, const std::vector<Clip>& clips, const fs::path& folder)
      : recomposer_(recomposer), clips_(clips), sets_{folder / "original", folder / "encoded", {},
                                                      folder / "real",     folder / "made",    {}} {
    for (const std::string& name : sets()) sets_.candidates.push_back(folder / name);
  }

  void encode(std::size_t clip) {
    codec::Codec& codec = recomposer_.separator().codec();
    const auto heard = [&](const torch::Tensor& wave) {
      return codec.encode(wave.expand({codec.channels(), wave.size(0)}).unsqueeze(0)).squeeze(0);
    };
    Encoded one;
    one.z = recomposer_.encode(heard(clips_[clip].mixture));
    for (std::int64_t k = 0; k < parts(); ++k)
      one.onsets.push_back(onsets(heard(clips_[clip].references[k])));
    encoded_.push_back(std::move(one));
  }

  void write(std::size_t clip) {
    Encoded& own = encoded_[clip];
    const Encoded& other = encoded_[(clip + 1) % encoded_.size()];
    save(sets_.original / file(clip), clips_[clip].mixture);
    const torch::Tensor encoded = components(own.z);
    save(sets_.encoded / file(clip), heard(encoded));
    save_parts(sets_.real_parts, clip, encoded);
    std::size_t set = 0;
    const auto candidate = [&](const torch::Tensor& latents) {
      save(sets_.candidates[set++] / file(clip), heard(latents));
    };
    from_nothing(own.z, clip, sets_.candidates[set++]);
    // Of two parts, what the one is given the other is made for: one sampling serves both.
    std::map<recomposition::Mask, torch::Tensor> made;
    const auto components_made = [&](const recomposition::Mask& mask) {
      if (!made.contains(mask)) made[mask] = components(recomposer_.recompose(own.z, mask, clip));
      return made[mask];
    };
    for (std::int64_t k = 0; k < parts(); ++k) candidate(components_made(mask_of(k, false)));
    torch::Tensor apart = torch::empty_like(encoded);  // each part as made for the others
    for (std::int64_t k = 0; k < parts(); ++k) {
      apart[k] = components_made(mask_of(k, true))[k];
      own.made.push_back(onsets(apart[k]));
    }
    save_parts(sets_.made_parts, clip, apart);
    candidate(components(recomposer_.noise(own.z.size(2), clip)));
    candidate(components(clip_noise(own.z, clip)));
    torch::Tensor mixed = own.z.clone();
    const std::int64_t frames = std::min(own.z.size(2), other.z.size(2));
    for (std::int64_t k = 1; k < parts(); ++k) {
      mixed[k].slice(1, 0, frames).copy_(other.z[k].slice(1, 0, frames));
    }
    candidate(components(mixed));
  }

  /// A mixture as long as z, of which nothing is kept.
  void from_nothing(const torch::Tensor& z, std::size_t clip, const fs::path& folder) {
    const recomposition::Mask all(names().size(), true);
    save(folder / file(clip), heard(components(recomposer_.recompose(z, all, clip))));
  }

  RecompositionSets finish() {
    for (std::int64_t k = 0; k < parts(); ++k) {
      for (const char* origin : {"real", "made", "another song's"}) sets_.rhythm.push_back(rhythm(k, origin));
    }
    return sets_;
  }

 private:
  [[nodiscard]] const std::vector<std::string>& names() const { return recomposer_.names(); }
  [[nodiscard]] std::int64_t parts() const { return static_cast<std::int64_t>(names().size()); }
  [[nodiscard]] std::vector<std::string> sets() const {
    std::vector<std::string> all{"unconditional"};
    for (const std::string& name : names()) all.push_back("given-" + name);
    all.insert(all.end(), {"noise", "clip-noise", "shuffled"});
    return all;
  }
  [[nodiscard]] static std::string file(std::size_t clip) { return fmt::format("{:04}.wav", clip); }

  /// Has part k made anew and the others kept, or the other way round.
  [[nodiscard]] recomposition::Mask mask_of(std::int64_t k, bool anew) const {
    recomposition::Mask mask(names().size(), !anew);
    mask[static_cast<std::size_t>(k)] = anew;
    return mask;
  }
  /// Normal numbers with the mean and deviation of each component's latents in this clip.
  [[nodiscard]] torch::Tensor clip_noise(const torch::Tensor& z, std::size_t clip) const {
    const torch::Tensor drawn = recomposer_.form().noise(
        z.size(2), make_generator(recomposer_.options().separator.seed, "clip noise", clip));
    return z.mean(2, true) + drawn * z.std(at::IntArrayRef{2}, false, true);
  }
  /// `[component, channel, frame]` in the codec's space.
  [[nodiscard]] torch::Tensor components(const torch::Tensor& z) { return recomposer_.components(z); }
  /// Their composition, decoded.
  [[nodiscard]] torch::Tensor heard(const torch::Tensor& latents) {
    const torch::Tensor whole = recomposer_.separator().model()->compose(latents.unsqueeze(0));
    return recomposer_.separator().codec().decode(whole).mean(1).squeeze(0).to(torch::kCPU);
  }
  void save(const fs::path& path, const torch::Tensor& wave) const {
    audio::write_waveform(path, {wave.unsqueeze(0), recomposer_.separator().codec().sample_rate()},
                          audio::Container::Wav, audio::SampleFormat::Float32);
  }
  void save_parts(const fs::path& folder, std::size_t clip, const torch::Tensor& latents) {
    for (std::int64_t k = 0; k < parts(); ++k) {
      const torch::Tensor wave =
          recomposer_.separator().codec().decode(latents[k].unsqueeze(0)).mean(1).squeeze(0);
      save(folder / fmt::format("{:04}", clip) / (names()[static_cast<std::size_t>(k)] + ".wav"),
           wave.to(torch::kCPU));
    }
  }

  [[nodiscard]] RhythmRow rhythm(std::int64_t part, const std::string& origin) const {
    const auto tolerance =
        static_cast<std::int64_t>(std::llround(kTolerance * recomposer_.separator().codec().frame_rate()));
    const auto k = static_cast<std::size_t>(part);
    Sample sample;
    for (std::size_t clip = 0; clip < encoded_.size(); ++clip) {
      const Encoded& own = encoded_[clip];
      const std::vector<std::int64_t>& onsets = origin == "real" ? own.onsets[k]
                                                : origin == "made"
                                                    ? own.made[k]
                                                    : encoded_[(clip + 1) % encoded_.size()].onsets[k];
      for (std::size_t other = 0; other < own.onsets.size(); ++other) {
        if (other != k)
          sample.add(onset_agreement(onsets, own.onsets[other], tolerance), static_cast<std::int64_t>(clip));
      }
    }
    return {names()[k], origin, sample.statistic()};
  }

  recomposition::Recomposer& recomposer_;
  const std::vector<Clip>& clips_;
  RecompositionSets sets_;
  std::vector<Encoded> encoded_;
};

void check(recomposition::Recomposer& recomposer, const std::vector<Clip>& clips) {
  const int rate = recomposer.separator().codec().sample_rate();
  const auto parts = static_cast<std::int64_t>(recomposer.names().size());
  if (clips.size() < 2)
    fail<EvaluationError>("recomposition: expected at least 2 clips, found {}", clips.size());
  for (const Clip& clip : clips) {
    if (clip.sample_rate != rate || clip.references.size(0) != parts) {
      fail<EvaluationError>("{}: expected {} references at {} Hz, found {} at {} Hz", clip.name, parts, rate,
                            clip.references.size(0), clip.sample_rate);
    }
  }
}

}  // namespace

RecompositionSets write_recompositions(recomposition::Recomposer& recomposer, const std::vector<Clip>& clips,
                                       const fs::path& folder, Progress& progress) {
  check(recomposer, clips);
  const torch::NoGradGuard no_grad;
  Writer writer(recomposer, clips, folder);
  for (std::size_t clip = 0; clip < clips.size(); ++clip) writer.encode(clip);
  progress.begin("recomposing", static_cast<std::int64_t>(clips.size()), "clips");
  for (std::size_t clip = 0; clip < clips.size(); ++clip) {
    throw_if_interrupted();
    writer.write(clip);
    progress.advance(1);
  }
  progress.end();
  return writer.finish();
}

void write_generations(recomposition::Recomposer& recomposer, const std::vector<Clip>& clips,
                       const fs::path& folder, Progress& progress) {
  check(recomposer, clips);
  const torch::NoGradGuard no_grad;
  Writer writer(recomposer, clips, folder);
  progress.begin("generating", static_cast<std::int64_t>(clips.size()), "clips");
  for (std::size_t clip = 0; clip < clips.size(); ++clip) {
    throw_if_interrupted();
    writer.from_nothing(recomposer.blank(clips[clip].mixture.size(0)), clip, folder);
    progress.advance(1);
  }
  progress.end();
}

RecompositionFigures evaluate_recomposition(recomposition::Recomposer& recomposer,
                                            const std::vector<Clip>& clips, const fs::path& folder,
                                            const std::vector<Embedding>& embeddings, Progress& progress,
                                            const std::vector<fs::path>& more) {
  const RecompositionSets sets = write_recompositions(recomposer, clips, folder, progress);
  const std::uint64_t seed = recomposer.options().separator.seed;
  std::vector<SoundSet> candidates;
  candidates.reserve(more.size() + sets.candidates.size());
  for (const auto& set : more) candidates.push_back(sounds_from_folder(set));
  for (const auto& set : sets.candidates) candidates.push_back(sounds_from_folder(set));
  RecompositionFigures figures;
  for (const Embedding& embedding : embeddings) {
    for (const auto& reference : {sets.original, sets.encoded}) {
      figures.generation.push_back(
          evaluate_generation(embedding, sounds_from_folder(reference), candidates, {}, progress));
    }
  }
  figures.diversity =
      evaluate_diversity(recomposer.separator().codec(), pair_parts(sets.real_parts, sets.made_parts, seed),
                         0.0, seed, progress);
  figures.rhythm = sets.rhythm;
  return figures;
}

io::Json to_json(const RecompositionFigures& figures) {
  io::Json json{{"generation", io::Json::array()},
                {"diversity", to_json(figures.diversity)},
                {"rhythm", io::Json::array()}};
  for (const auto& figure : figures.generation) json["generation"].push_back(to_json(figure));
  for (const auto& row : figures.rhythm) json["rhythm"].push_back(to_json(row));
  return json;
}

std::string to_markdown(const RecompositionFigures& figures) {
  std::string text;
  for (const auto& figure : figures.generation) text += to_markdown(figure) + "\n";
  return text + to_markdown(figures.diversity) + to_markdown(figures.rhythm);
}

io::Json to_json(const RhythmRow& row) {
  return {{"part", row.part}, {"origin", row.origin}, {"agreement", to_json(row.agreement)}};
}

std::string to_markdown(const std::vector<RhythmRow>& rows) {
  std::string text = "\n| part | origin | onsets that agree with the other parts' |\n|---|---|---|\n";
  for (const RhythmRow& row : rows) {
    text += fmt::format("| {} | {} | {} |\n", row.part, row.origin, to_text(row.agreement, 3));
  }
  return text + "\nF-measure of onsets within 50 ms. " + statistics_legend() + "\n";
}

}  // namespace partita::evaluation
