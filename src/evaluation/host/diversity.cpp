#include "partita/evaluation/diversity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "host/codec_input.hpp"
#include "partita/audio/file.hpp"
#include "partita/base/random.hpp"
#include "partita/evaluation/ms_stft.hpp"
#include "partita/evaluation/si_metrics.hpp"

namespace partita::evaluation {
namespace fs = std::filesystem;
namespace {

/// The path below `folder` without its extension: "song/drums".
std::string key_of(const fs::path& file, const fs::path& folder) {
  return file.lexically_relative(folder).replace_extension().generic_string();
}

/// "song/drums-2" as "song/drums"; as it stands where no number ends it.
std::string without_number(const std::string& key) {
  const auto digits = key.find_last_not_of("0123456789");
  if (digits == std::string::npos || digits + 1 == key.size() || digits == 0) return key;
  const char mark = key[digits];
  return mark == '-' || mark == '_' || mark == '.' ? key.substr(0, digits) : key;
}

std::string part_of(const std::string& key) {
  const auto slash = key.rfind('/');
  return slash == std::string::npos ? "all" : key.substr(slash + 1);
}

using Parts = std::map<std::string, fs::path>;  // by key

/// A real part of another song, by the seed; empty where there is none.
fs::path other_song(const Parts& real, const std::string& key, std::uint64_t seed, std::uint64_t index) {
  std::vector<fs::path> others;
  for (const auto& [name, file] : real) {
    if (name != key && part_of(name) == part_of(key)) others.push_back(file);
  }
  if (others.empty()) return {};
  return others[derive_seed(seed, "diversity", index) % others.size()];
}

/// What is gathered of one part against one kind of real ones.
struct GatheredDistances {
  Sample mse, ms_stft;
  std::int64_t silent = 0;
};

class Distances {
 public:
  Distances(codec::Codec& codec, double seconds) : codec_(codec), seconds_(seconds) {}
  void add(const fs::path& generated, const fs::path& real, std::int64_t pair,
           GatheredDistances& gathered) const {
    torch::Tensor estimate = read_for(codec_, generated, seconds_);
    torch::Tensor reference = read_for(codec_, real, seconds_);
    const std::int64_t length = std::min(estimate.size(1), reference.size(1));
    estimate = estimate.narrow(1, 0, length);
    reference = reference.narrow(1, 0, length);
    if (length == 0 || any_silent(reference)) {
      ++gathered.silent;
      return;
    }
    const torch::Tensor apart = latents(estimate) - latents(reference);
    try {
      gathered.ms_stft.add(ms_stft_distance(estimate, reference), pair);
    } catch (const EvaluationError& error) {
      fail<EvaluationError>("{} against {}: {}", generated.string(), real.string(), error.what());
    }
    gathered.mse.add(apart.square().mean().item<double>(), pair);
  }

 private:
  [[nodiscard]] torch::Tensor latents(const torch::Tensor& samples) const {
    return codec_.encode(samples.unsqueeze(0)).to(torch::kFloat64);
  }

  codec::Codec& codec_;
  double seconds_;
};

DiversityRow row_of(const std::string& part, const std::string& against, const GatheredDistances& gathered,
                    std::uint64_t seed) {
  return {part, against, gathered.mse.statistic(seed), gathered.ms_stft.statistic(seed), gathered.silent};
}

}  // namespace

std::vector<PartPair> pair_parts(const fs::path& real, const fs::path& generated, std::uint64_t seed) {
  Parts reals;
  for (const auto& file : audio::audio_files(real)) reals.emplace(key_of(file, real), file);
  std::vector<PartPair> pairs;
  for (const auto& file : audio::audio_files(generated)) {
    std::string key = key_of(file, generated);
    if (!reals.contains(key)) key = without_number(key);
    const auto found = reals.find(key);
    if (found == reals.end()) {
      fail<EvaluationError>("{}: no real part in {} goes by its path, which would be {}.wav or the like",
                            file.string(), real.string(), key);
    }
    pairs.push_back({part_of(key), file, found->second, other_song(reals, key, seed, pairs.size())});
  }
  if (pairs.empty()) fail<EvaluationError>("{}: no audio files in it", generated.string());
  return pairs;
}

DiversityFigures evaluate_diversity(codec::Codec& codec, const std::vector<PartPair>& pairs, double seconds,
                                    std::uint64_t seed, Progress& progress) {
  const torch::NoGradGuard no_gradient;
  const Distances distances(codec, seconds);
  std::map<std::string, std::pair<GatheredDistances, GatheredDistances>>
      parts;  // against real and random ones
  progress.begin("comparing", static_cast<std::int64_t>(pairs.size()), "parts");
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    auto& [real, random] = parts[pairs[i].part];
    const auto index = static_cast<std::int64_t>(i);
    distances.add(pairs[i].generated, pairs[i].real, index, real);
    if (!pairs[i].random.empty()) distances.add(pairs[i].generated, pairs[i].random, index, random);
    progress.advance(1, pairs[i].generated.filename().string());
  }
  progress.end();
  DiversityFigures figures{codec.name(), codec.sample_rate(), {}};
  for (const auto& [part, gathered] : parts) {
    figures.rows.push_back(row_of(part, "real", gathered.first, seed));
    figures.rows.push_back(row_of(part, "random", gathered.second, seed));
  }
  return figures;
}

io::Json to_json(const DiversityFigures& figures) {
  io::Json rows = io::Json::array();
  for (const auto& row : figures.rows) {
    rows.push_back({{"part", row.part},
                    {"against", row.against},
                    {"latent_mse", to_json(row.mse)},
                    {"ms_stft", to_json(row.ms_stft)},
                    {"silent", row.silent}});
  }
  return {{"codec", figures.codec}, {"sample_rate", figures.sample_rate}, {"rows", rows}};
}

std::string to_markdown(const DiversityFigures& figures) {
  std::string table =
      "| part | against | latent MSE | MS-STFT | pairs | silent |\n|---|---|---|---|---|---|\n";
  for (const auto& row : figures.rows) {
    table += fmt::format("| {} | {} | {} | {} | {} | {} |\n", row.part, row.against, to_text(row.mse, 4),
                         to_text(row.ms_stft, 2), row.mse.count, row.silent);
  }
  return table + fmt::format("\nLatents of codec {}. {} Pairs with silent real parts are left out.\n",
                             figures.codec, statistics_legend());
}

}  // namespace partita::evaluation
