#include "partita/recomposition/song.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>

#include "host/latents.hpp"
#include "partita/decomposition/song.hpp"
#include "partita/io/atomic_file.hpp"

namespace partita::recomposition {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBlock = 1 << 16;
constexpr double kLoudness = 0.1;  // RMS of a mix made from nothing
constexpr double kLongest = 3600.0;

struct Level {
  double rms = 0.0, peak = 0.0;
};

class Meter {
 public:
  void add(const torch::Tensor& block) {
    if (block.numel() == 0) return;
    peak_ = std::max(peak_, block.abs().max().item<double>());
    square_ += block.square().sum(torch::kFloat64).item<double>();
    samples_ += block.numel();
  }
  [[nodiscard]] Level level() const {
    return {samples_ > 0 ? std::sqrt(square_ / static_cast<double>(samples_)) : 0.0, peak_};
  }

 private:
  double peak_ = 0.0, square_ = 0.0;
  std::int64_t samples_ = 0;
};

/// A mono part as floats beside the place where it will stand, removed with the object.
class Scratch {
 public:
  Scratch(const fs::path& beside, int sample_rate)
      : place_(fs::path(beside).replace_extension(".wav")),
        writer_(std::make_unique<audio::AudioWriter>(
            place_.temporary(),
            audio::WriterOptions{
                .sample_rate = sample_rate, .channels = 1, .format = audio::SampleFormat::Float32})) {}

  void write(const torch::Tensor& block) {
    meter_.add(block);
    writer_->write(block.unsqueeze(0));
  }
  [[nodiscard]] Level level() const { return meter_.level(); }
  /// To be read from the start.
  [[nodiscard]] audio::AudioReader read() {
    if (writer_) writer_->commit();
    writer_.reset();
    return audio::AudioReader(place_.temporary());
  }

 private:
  io::AtomicFile place_;
  std::unique_ptr<audio::AudioWriter> writer_;
  Meter meter_;
};

/// What a recomposition begins with: files of the kept components, the rest to be made from z.
struct Task {
  torch::Tensor z;
  Mask mask;
  std::vector<fs::path> kept;  ///< of each component; empty where it is made
  int sample_rate = 0;
  int channels = 1;
  std::int64_t frames = 0;
};

/// The gain of each made component from its level as decoded; that of a kept one is not used.
using Gains = std::function<std::vector<double>(const std::vector<Level>& decoded)>;

double rms_of(const fs::path& file) {
  audio::AudioReader reader(file);
  Meter meter;
  for (torch::Tensor block = reader.read(kBlock); block.size(1) > 0; block = reader.read(kBlock))
    meter.add(block);
  return meter.level().rms;
}

/// The format that holds a file's samples as they are.
audio::SampleFormat format_of(const audio::FileInfo& info) {
  if (info.bits == 16) return audio::SampleFormat::Int16;
  return info.bits == 24 ? audio::SampleFormat::Int24 : audio::SampleFormat::Float32;
}

std::int64_t seconds_of(const Task& task) {
  return (task.frames + task.sample_rate - 1) / std::max(1, task.sample_rate);
}

/// Writes parts and mix of one result, block by block.
class Files {
 public:
  Files(const fs::path& folder, const std::vector<std::string>& names, const Task& task,
        const OutputOptions& options) {
    const std::string extension = audio::extension(options.container);
    const audio::WriterOptions made{task.sample_rate, task.channels, options.container, options.format};
    for (std::size_t k = 0; k < names.size(); ++k) {
      const fs::path& kept = task.kept[k];
      const fs::path file =
          folder / (names[k] + (kept.empty() ? "." + extension : kept.extension().string()));
      result.parts.push_back({names[k], file, kept.empty(), 1.0});
      if (kept.empty()) {
        writers_.emplace_back(std::make_unique<audio::AudioWriter>(file, made));
      } else {
        writers_.emplace_back();
      }
    }
    result.mix = folder / ("mix." + extension);
    mix_ = std::make_unique<audio::AudioWriter>(result.mix, made);
    result.sample_rate = task.sample_rate;
    result.channels = task.channels;
    result.frames = task.frames;
  }

  void write_made(std::size_t k, const torch::Tensor& block) { writers_[k]->write(block); }
  void write_mix(const torch::Tensor& block) { mix_->write(block); }
  void commit() {
    for (const auto& writer : writers_) {
      if (writer) {
        result.clipped += writer->clipped();
        writer->commit();
      }
    }
    result.clipped += mix_->clipped();
    mix_->commit();
  }

  Recomposition result;

 private:
  std::vector<std::unique_ptr<audio::AudioWriter>> writers_;
  std::unique_ptr<audio::AudioWriter> mix_;
};

/// A kept stem's file, byte for byte.
void copy_whole(const fs::path& from, const fs::path& to) {
  io::AtomicFile file(to);
  std::error_code error;
  fs::copy_file(from, file.temporary(), fs::copy_options::overwrite_existing, error);
  if (error) {
    fail<RecompositionError>("{}: cannot be copied to {}: {}", from.string(), to.string(), error.message());
  }
  file.commit();
}

void lay_together(std::vector<std::unique_ptr<Scratch>>& scratch, const std::vector<double>& gains,
                  const Task& task, Files& files) {
  std::vector<audio::AudioReader> readers;
  for (std::size_t k = 0; k < task.kept.size(); ++k) {
    readers.push_back(scratch[k] ? scratch[k]->read() : audio::AudioReader(task.kept[k]));
  }
  for (std::int64_t done = 0; done < task.frames; done += kBlock) {
    const std::int64_t count = std::min(kBlock, task.frames - done);
    torch::Tensor sum = torch::zeros({task.channels, count});
    for (std::size_t k = 0; k < readers.size(); ++k) {
      torch::Tensor block = readers[k].read(count);
      if (block.size(1) < count) block = torch::constant_pad_nd(block, {0, count - block.size(1)});
      if (scratch[k]) {
        block = (block * gains[k]).expand({task.channels, block.size(1)}).contiguous();
        files.write_made(k, block);
      }
      sum += block;
    }
    files.write_mix(sum);
  }
}

Recomposition make_one(Recomposer& recomposer, const Task& task, const Gains& gains_of, std::int64_t index,
                       const OutputOptions& options, Progress& progress) {
  const torch::Tensor z = recomposer.recompose(task.z, task.mask, static_cast<std::uint64_t>(index));
  Files files(options.folder / std::to_string(index), recomposer.names(), task, options);
  std::vector<std::unique_ptr<Scratch>> scratch(task.kept.size());
  std::vector<Level> decoded(task.kept.size());
  for (std::size_t k = 0; k < task.kept.size(); ++k) {
    if (!task.kept[k].empty()) continue;
    scratch[k] = std::make_unique<Scratch>(files.result.parts[k].file, task.sample_rate);
    progress.begin(fmt::format("making {} ({}/{})", recomposer.names()[k], index, options.count),
                   seconds_of(task), "s");
    decode_stretches(
        recomposer, z, static_cast<std::int64_t>(k), task.sample_rate, task.frames,
        [&](const torch::Tensor& block) { scratch[k]->write(block); }, progress);
    progress.end();
    decoded[k] = scratch[k]->level();
  }
  const std::vector<double> gains = gains_of(decoded);
  for (std::size_t k = 0; k < gains.size(); ++k) {
    if (scratch[k]) files.result.parts[k].gain = gains[k];
  }
  lay_together(scratch, gains, task, files);
  for (std::size_t k = 0; k < task.kept.size(); ++k) {
    if (!task.kept[k].empty()) copy_whole(task.kept[k], files.result.parts[k].file);
  }
  files.commit();
  return files.result;
}

std::vector<Recomposition> make_all(Recomposer& recomposer, const Task& task, const Gains& gains_of,
                                    const OutputOptions& options, Progress& progress) {
  if (options.count < 1) fail<UsageError>("count: expected at least 1, found {}", options.count);
  std::vector<Recomposition> results;
  for (std::int64_t index = 1; index <= options.count; ++index) {
    results.push_back(make_one(recomposer, task, gains_of, index, options, progress));
  }
  return results;
}

/// What brings a sound to an RMS, or as near as full scale lets it.
double gain_to(double rms, const Level& found) {
  return found.rms > 0.0 ? std::min(rms / found.rms, 1.0 / found.peak) : 0.0;
}

}  // namespace

std::vector<Recomposition> generate(Recomposer& recomposer, double seconds, const OutputOptions& options,
                                    Progress& progress) {
  if (!(seconds > 0.0 && seconds <= kLongest)) {
    fail<UsageError>("seconds: expected more than 0 and at most {}, found {}", kLongest, seconds);
  }
  const codec::Codec& codec = recomposer.separator().codec();
  Task task;
  task.sample_rate = codec.sample_rate();
  task.frames = std::llround(seconds * codec.sample_rate());
  task.z = recomposer.blank(task.frames);
  task.mask = recomposer.mask_of(recomposer.names());
  task.kept.resize(task.mask.size());
  // Parts of different instruments hardly correlate, so their powers add up.
  const Gains gains_of = [](const std::vector<Level>& decoded) {
    double power = 0.0, peak = 0.0;
    for (const Level& level : decoded) {
      power += level.rms * level.rms;
      peak += level.peak;
    }
    return std::vector<double>(decoded.size(), gain_to(kLoudness, {std::sqrt(power), peak}));
  };
  return make_all(recomposer, task, gains_of, options, progress);
}

std::vector<Recomposition> vary(Recomposer& recomposer, const fs::path& song,
                                const std::vector<std::string>& made, const OutputOptions& options,
                                Progress& progress) {
  Task task;
  task.mask = recomposer.mask_of(made);
  decomposition::StemSource source{
      recomposer.names(),
      [&](const torch::Tensor& samples, int sample_rate) {
        return recomposer.separator().separate(samples, sample_rate);
      },
      recomposer.separator().options().refinement != decomposition::Refinement::None};
  decomposition::SongOptions stems;
  stems.output = options.folder / "stems";
  stems.container = options.container;
  stems.format = options.format;
  const decomposition::SongResult own = decomposition::separate_song(song, source, stems, progress);
  task.z = latents_of(song, recomposer, progress);
  task.sample_rate = own.sample_rate;
  task.channels = own.channels;
  task.frames = own.frames;
  std::vector<double> wanted;
  for (std::size_t k = 0; k < task.mask.size(); ++k) {
    task.kept.push_back(task.mask[k] ? fs::path() : own.files[k]);
    wanted.push_back(task.mask[k] ? rms_of(own.files[k]) : 0.0);
  }
  const Gains gains_of = [wanted](const std::vector<Level>& decoded) {
    std::vector<double> gains;
    gains.reserve(decoded.size());
    for (std::size_t k = 0; k < decoded.size(); ++k) gains.push_back(gain_to(wanted[k], decoded[k]));
    return gains;
  };
  return make_all(recomposer, task, gains_of, options, progress);
}

std::vector<Recomposition> accompany(Recomposer& recomposer, const fs::path& stem, const std::string& name,
                                     const OutputOptions& options, Progress& progress) {
  Task task;
  task.mask = recomposer.mask_of({name});
  task.mask.flip();
  if (std::none_of(task.mask.begin(), task.mask.end(), [](bool made) { return made; })) {
    fail<UsageError>("'{}' is the model's only component: nothing is missing", name);
  }
  const audio::AudioReader reader(stem);
  const audio::FileInfo& info = reader.info();
  task.z = latents_of(stem, recomposer, progress);
  task.sample_rate = info.sample_rate;
  task.channels = info.channels;
  const std::vector<std::string>& names = recomposer.names();
  const auto given = static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  for (std::size_t k = 0; k < names.size(); ++k) task.kept.push_back(k == given ? stem : fs::path());
  Meter decoded_stem;
  progress.begin("hearing " + name, (info.frames + info.sample_rate - 1) / info.sample_rate, "s");
  decode_stretches(
      recomposer, task.z, static_cast<std::int64_t>(given), info.sample_rate, info.frames,
      [&](const torch::Tensor& block) { decoded_stem.add(block); }, progress);
  progress.end();
  task.frames = info.frames;
  const double wanted = rms_of(stem), found = decoded_stem.level().rms;
  // As loud to the decoder as the stem is, as loud as the stem.
  const Gains gains_of = [wanted, found](const std::vector<Level>& decoded) {
    std::vector<double> gains;
    gains.reserve(decoded.size());
    for (const Level& level : decoded) {
      gains.push_back(found > 0.0 ? gain_to(wanted * level.rms / found, level) : gain_to(wanted, level));
    }
    return gains;
  };
  OutputOptions output = options;
  if (output.container == audio::Container::Wav) output.format = format_of(info);
  return make_all(recomposer, task, gains_of, output, progress);
}

}  // namespace partita::recomposition
