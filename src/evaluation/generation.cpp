#include "partita/evaluation/generation.hpp"

#include <fmt/format.h>

#include <cmath>

#include "windows.hpp"

namespace partita::evaluation {
namespace {

/// The moments of each sound in turn; `keep` sees the frames as well.
template <class Use, class Keep>
void embed_set(const Embedding& embedding, const SoundSet& set, Progress& progress, Use use, Keep keep) {
  const torch::NoGradGuard no_gradient;
  progress.begin(set.name, static_cast<std::int64_t>(set.sounds.size()), "sounds");
  for (std::size_t i = 0; i < set.sounds.size(); ++i) {
    Moments moments;
    WindowedFrames frames(embedding, [&](const torch::Tensor& some) {
      moments.add(some);
      keep(some);
    });
    set.read(i, embedding.sample_rate, [&](const torch::Tensor& samples) { frames.push(samples); });
    frames.finish();
    use(moments, i);
    progress.advance(1, set.sounds[i]);
  }
  progress.end();
}

/// Fails with the set's name where its frames do not make a Gaussian.
Gaussian gaussian_of(const Moments& moments, const std::string& name) {
  try {
    return moments.gaussian();
  } catch (const EvaluationError& error) {
    fail<EvaluationError>("{}: {}", name, error.what());
  }
}

struct Reference {
  Moments all, even;
  SoundMoments odd;

  Reference(std::int64_t sounds, const GenerationOptions& options)
      : odd(sounds / 2, options.resamples, options.seed) {}
  void add(const Moments& sound, std::size_t index) {
    all.add(sound);
    if (index % 2 == 0) {
      even.add(sound);
    } else {
      odd.add(sound);
    }
  }
};

std::int64_t whole(double frames) { return std::llround(frames); }

FadRow row_of(std::string name, const FrechetDistance& distance, const SoundMoments& sounds,
              std::int64_t count) {
  FadRow row;
  row.fad = distance.to(gaussian_of(sounds.all(), name));
  row.interval = sounds.interval(distance);
  row.sounds = count;
  row.frames = whole(sounds.all().frames());
  row.candidates = std::move(name);
  return row;
}

FadRow candidates_row(const Embedding& embedding, const FrechetDistance& distance, const SoundSet& set,
                      const GenerationOptions& options, Progress& progress) {
  const auto count = static_cast<std::int64_t>(set.sounds.size());
  SoundMoments sounds(count, options.resamples, options.seed);
  std::vector<torch::Tensor> kept;
  embed_set(
      embedding, set, progress, [&](const Moments& sound, std::size_t) { sounds.add(sound); },
      [&](const torch::Tensor& frames) {
        if (options.infinity) kept.push_back(frames);
      });
  FadRow row = row_of(set.name, distance, sounds, count);
  if (options.infinity) row.infinity = fad_infinity(distance, torch::cat(kept), options.seed);
  return row;
}

io::Json to_json(const FadInfinity& infinity) {
  io::Json points = io::Json::array();
  for (const auto& [frames, distance] : infinity.points)
    points.push_back({{"frames", frames}, {"fad", distance}});
  return {{"fad", infinity.value}, {"slope", infinity.slope}, {"r2", infinity.r2}, {"points", points}};
}

}  // namespace

GenerationFigures evaluate_generation(const Embedding& embedding, const SoundSet& reference,
                                      const std::vector<SoundSet>& candidates,
                                      const GenerationOptions& options, Progress& progress) {
  const auto count = static_cast<std::int64_t>(reference.sounds.size());
  Reference heard(count, options);
  embed_set(
      embedding, reference, progress, [&](const Moments& sound, std::size_t i) { heard.add(sound, i); },
      [](const torch::Tensor&) {});
  const Gaussian whole_reference = gaussian_of(heard.all, reference.name);
  GenerationFigures figures{embedding.name,
                            reference.name,
                            count,
                            whole(heard.all.frames()),
                            whole_reference.mean.size(0),
                            options,
                            {}};
  if (heard.even.frames() >= 2.0 && heard.odd.all().frames() >= 2.0) {
    figures.rows.push_back(
        row_of("reference, halves", FrechetDistance(heard.even.gaussian()), heard.odd, count / 2));
  }
  const FrechetDistance distance(whole_reference);
  for (const auto& set : candidates) {
    figures.rows.push_back(candidates_row(embedding, distance, set, options, progress));
  }
  return figures;
}

io::Json to_json(const GenerationFigures& figures) {
  io::Json rows = io::Json::array();
  for (const auto& row : figures.rows) {
    rows.push_back({{"candidates", row.candidates},
                    {"fad", row.fad},
                    {"interval", {row.interval.low, row.interval.high}},
                    {"fad_infinity", row.infinity ? to_json(*row.infinity) : io::Json()},
                    {"sounds", row.sounds},
                    {"frames", row.frames}});
  }
  return {{"embedding", figures.embedding},
          {"dimensions", figures.dimensions},
          {"reference", figures.reference},
          {"reference_sounds", figures.reference_sounds},
          {"reference_frames", figures.reference_frames},
          {"bootstrap_resamples", figures.options.resamples},
          {"seed", figures.options.seed},
          {"rows", rows}};
}

std::string to_markdown(const GenerationFigures& figures) {
  std::string table = fmt::format(
      "Fréchet audio distance to {} ({} sounds, {} frames); embedding {} ({} dimensions). In brackets a 95 % "
      "interval: bootstrap over the candidates, {} resamples.\n\n"
      "| candidates | FAD | FAD∞ | sounds | frames |\n|---|---|---|---|---|\n",
      figures.reference, figures.reference_sounds, figures.reference_frames, figures.embedding,
      figures.dimensions, figures.options.resamples);
  for (const auto& row : figures.rows) {
    table +=
        fmt::format("| {} | {:.4g} [{:.4g}, {:.4g}] | {} | {} | {} |\n", row.candidates, row.fad,
                    row.interval.low, row.interval.high,
                    row.infinity ? fmt::format("{:.4g}", row.infinity->value) : "–", row.sounds, row.frames);
  }
  return table;
}

}  // namespace partita::evaluation
