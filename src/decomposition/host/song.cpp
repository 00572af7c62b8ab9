#include "partita/decomposition/song.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "host/stem_files.hpp"
#include "partita/audio/overlap_add.hpp"
#include "partita/base/stopwatch.hpp"
#include "partita/decomposition/composition.hpp"
#include "partita/decomposition/refine.hpp"
#include "stem_paths.hpp"

namespace partita::decomposition {
namespace {

/// A larger difference between the song and its stems than this share of full scale is no rounding.
constexpr double kRounding = 1e-3;

/// Receives finished stems `[stem, channel, n]` with the mixture `[channel, n]` of the same moments.
using Sink = std::function<void(const torch::Tensor& stems, const torch::Tensor& mixture)>;

struct Stretches {
  std::int64_t length = 0;  ///< samples that a source sees at once
  std::int64_t stride = 0;  ///< samples from one stretch to the next
};

/// Stretches begin on multiples of 1/25 s (of a second, for odd rates), which are whole frames of a
/// codec of 75 or 50 Hz: each frame of a song then stands at the same place in every stretch.
Stretches stretches_of(const SongOptions& options, const StemSource& source, int sample_rate) {
  const double segment = options.segment_seconds.value_or(source.segment_seconds);
  const double overlap = options.overlap_seconds;
  if (!(overlap >= 0.0) || !(segment > overlap) || !std::isfinite(segment)) {
    fail<UsageError>("segment: expected more seconds than the overlap, and that at least 0; found {} and {}",
                     segment, overlap);
  }
  const std::int64_t unit = sample_rate / std::gcd(sample_rate, 25);
  const auto wanted = static_cast<std::int64_t>((segment - overlap) * sample_rate);
  const std::int64_t stride = std::max(unit, wanted / unit * unit);
  return {stride + static_cast<std::int64_t>(overlap * sample_rate), stride};
}

/// `source`, or its stem `name` and the sum of the others.
StemSource chosen_stems(const StemSource& source, const std::string& name) {
  if (name.empty()) return source;
  const auto found = std::find(source.names.begin(), source.names.end(), name);
  if (found == source.names.end()) {
    fail<UsageError>("two stems: there is no stem '{}', only {}", name, fmt::join(source.names, ", "));
  }
  const std::int64_t index = found - source.names.begin();
  const auto count = static_cast<std::int64_t>(source.names.size());
  return {{name, "no_" + name},
          [separate = source.separate, index, count](const torch::Tensor& samples, int sample_rate) {
            torch::Tensor stems = separate(samples, sample_rate);
            if (stems.dim() != 3 || stems.size(0) != count) return stems;  // refused with its shape below
            return torch::stack({stems[index], stems.sum(0) - stems[index]});
          },
          source.adds_up,
          source.segment_seconds};
}

/// The stems of one stretch, checked: `[stem, channel, n]`, float32, on the CPU.
torch::Tensor separated(const StemSource& source, const torch::Tensor& stretch, int sample_rate) {
  torch::Tensor stems = source.separate(stretch, sample_rate).to(torch::kCPU, torch::kFloat32);
  const std::vector<std::int64_t> expected{static_cast<std::int64_t>(source.names.size()), stretch.size(0),
                                           stretch.size(1)};
  if (stems.sizes().vec() != expected) {
    fail<DecompositionError>("stems ({}): expected [{}], found [{}]", fmt::join(source.names, ", "),
                             fmt::join(expected, ", "), fmt::join(stems.sizes().vec(), ", "));
  }
  if (!torch::isfinite(stems).all().item<bool>()) {
    fail<DecompositionError>("stems ({}): NaN or infinite samples; the model is damaged or does not fit",
                             fmt::join(source.names, ", "));
  }
  return stems;
}

/// `ahead` followed by what the song still has, up to `count` samples in all.
torch::Tensor filled(audio::AudioReader& song, const torch::Tensor& ahead, std::int64_t count) {
  std::vector<torch::Tensor> blocks{ahead};
  std::int64_t missing = count - ahead.size(1);
  while (missing > 0) {
    blocks.push_back(song.read(missing));
    if (blocks.back().size(1) == 0) break;
    missing -= blocks.back().size(1);
  }
  return torch::cat(blocks, 1);
}

/// Separates stretch by stretch and passes on what is final, in order.
void separate_stretches(audio::AudioReader& song, const StemSource& source, const SongOptions& options,
                        Progress& progress, const Sink& sink) {
  const int rate = song.info().sample_rate;
  const Stretches stretches = stretches_of(options, source, rate);
  audio::OverlapAdd join(stretches.length, stretches.stride);
  // One sample more than a stretch says whether another follows.
  torch::Tensor ahead = filled(song, torch::zeros({song.info().channels, 0}), stretches.length + 1);
  if (ahead.size(1) == 0) {
    fail<audio::AudioError>("{}: no samples; there is nothing to separate", song.path().string());
  }
  for (std::int64_t done = 0;;) {
    const bool last = ahead.size(1) <= stretches.length;
    const torch::Tensor stretch = ahead.slice(1, 0, stretches.length).contiguous();
    const torch::Tensor stems = separated(source, stretch, rate);
    const torch::Tensor joined =
        join.push(torch::constant_pad_nd(stems, {0, stretches.length - stretch.size(1)}));
    if (last) {
      const std::int64_t rest = ahead.size(1);
      sink(torch::cat({joined, join.finish()}, -1).slice(-1, 0, rest), ahead);
      progress.advance((done + rest + rate - 1) / rate - done / rate);
      return;
    }
    sink(joined, ahead.slice(1, 0, stretches.stride));
    progress.advance((done + stretches.stride) / rate - done / rate);
    done += stretches.stride;
    ahead = filled(song, ahead.slice(1, stretches.stride), stretches.length + 1);
  }
}

/// Makes the stems add up, to rounding, and keeps the figures of the result.
class Tally {
 public:
  Tally(SongResult& result, bool adds_up) : result_(result), adds_up_(adds_up) {}

  torch::Tensor take(const torch::Tensor& stems, const torch::Tensor& mixture) {
    if (adds_up_) check(stems, mixture);
    torch::Tensor output = adds_up_ ? share_residual(stems, mixture) : stems;
    result_.residual = std::max(result_.residual, difference(output, mixture));
    result_.peak = std::max(result_.peak, output.abs().max().item<double>());
    result_.frames += mixture.size(1);
    return output;
  }

 private:
  static double difference(const torch::Tensor& stems, const torch::Tensor& mixture) {
    return (mixture - stems.sum(0, false, torch::kFloat64)).abs().max().item<double>();
  }
  void check(const torch::Tensor& stems, const torch::Tensor& mixture) const {
    const double found = difference(stems, mixture);
    if (found > kRounding * std::max(1.0, mixture.abs().max().item<double>())) {
      fail<DecompositionError>(
          "stems ({}): expected stems that add up to the song, found a difference of {:.2g} of full scale",
          fmt::join(result_.names, ", "), found);
    }
  }

  SongResult& result_;
  bool adds_up_;
};

SongResult planned(const audio::AudioReader& song, const StemSource& source, const SongOptions& options) {
  SongResult result;
  result.names = source.names;
  result.sample_rate = song.info().sample_rate;
  result.channels = song.info().channels;
  result.files = stem_paths(options.output, options.filename,
                            {{"model", options.model_name},
                             {"track", song.path().stem().string()},
                             {"ext", audio::extension(options.container)}},
                            source.names);
  for (const auto& file : result.files) {
    std::error_code error;
    if (std::filesystem::equivalent(file, song.path(), error)) {
      fail<UsageError>("{}: a stem would replace the song; choose another folder or file name",
                       file.string());
    }
  }
  return result;
}

/// The gain that brings the peak to full scale, with room for one level of rounding a stem.
double gain_of(double peak, const audio::WriterOptions& writer, std::size_t stems) {
  if (peak <= 1.0) return 1.0;
  const double levels = integer_levels(writer);
  const double room = levels > 0.0 ? static_cast<double>(stems) / levels : 0.0;
  return (1.0 - room) / peak;
}

}  // namespace

SongResult separate_song(const std::filesystem::path& song, StemSource& source, const SongOptions& options,
                         Progress& progress) {
  const torch::NoGradGuard no_grad;
  const Stopwatch stopwatch;
  audio::AudioReader reader(song);
  const StemSource stems = chosen_stems(source, options.two_stems);
  SongResult result = planned(reader, stems, options);
  const audio::WriterOptions writer{result.sample_rate, result.channels, options.container, options.format};
  const bool bounded = options.container == audio::Container::Mp3 || integer_levels(writer) > 0.0;
  NewFolders folders(result.files);
  StemFiles files(result.files, writer, stems.adds_up);
  Tally tally(result, stems.adds_up);
  progress.begin(song.filename().string(),
                 (reader.info().frames + result.sample_rate - 1) / result.sample_rate, "s");
  if (bounded && options.clip_mode == audio::ClipMode::Rescale) {
    ScratchStems scratch(result.files, writer);
    separate_stretches(reader, stems, options, progress,
                       [&](const torch::Tensor& found, const torch::Tensor& mixture) {
                         scratch.write(tally.take(found, mixture), mixture);
                       });
    result.scale = gain_of(result.peak, writer, result.names.size());
    scratch.pour(song, result.scale, files);
  } else {
    separate_stretches(reader, stems, options, progress,
                       [&](const torch::Tensor& found, const torch::Tensor& mixture) {
                         files.write(tally.take(found, mixture), mixture);
                       });
  }
  result.clipped = files.clipped();
  files.commit();
  folders.keep();
  progress.end();
  result.seconds = stopwatch.seconds();
  return result;
}

}  // namespace partita::decomposition
