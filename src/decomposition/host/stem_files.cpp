#include "host/stem_files.hpp"

#include "partita/base/interrupt.hpp"

namespace partita::decomposition {
namespace {

constexpr std::int64_t kBlock = 1 << 16;

audio::WriterOptions as_floats(audio::WriterOptions options) {
  options.container = audio::Container::Wav;
  options.format = audio::SampleFormat::Float32;
  return options;
}

std::vector<io::AtomicFile> scratch_places(const std::vector<std::filesystem::path>& beside) {
  std::vector<io::AtomicFile> places;
  places.reserve(beside.size());
  for (const auto& path : beside) {
    places.emplace_back(std::filesystem::path(path).replace_extension(".scratch.wav"));
  }
  return places;
}

std::vector<std::filesystem::path> temporaries(const std::vector<io::AtomicFile>& places) {
  std::vector<std::filesystem::path> paths;
  paths.reserve(places.size());
  for (const auto& place : places) paths.push_back(place.temporary());
  return paths;
}

}  // namespace

double integer_levels(const audio::WriterOptions& options) {
  if (options.container == audio::Container::Mp3) return 0.0;
  switch (options.format) {
    case audio::SampleFormat::Int16:
      return 32768.0;
    case audio::SampleFormat::Int24:
      return 8388608.0;
    case audio::SampleFormat::Float32:
      break;
  }
  return 0.0;
}

StemFiles::StemFiles(const std::vector<std::filesystem::path>& paths, const audio::WriterOptions& options,
                     bool adds_up)
    : levels_(integer_levels(options)), adds_up_(adds_up) {
  writers_.reserve(paths.size());
  for (const auto& path : paths) writers_.emplace_back(path, options);
}

torch::Tensor StemFiles::rounded(const torch::Tensor& stems, const torch::Tensor& mixture) const {
  torch::Tensor codes = (stems.to(torch::kFloat64) * levels_).round();
  const torch::Tensor whole = (mixture.to(torch::kFloat64) * levels_).round();
  codes.select(0, -1).copy_(whole - codes.slice(0, 0, -1).sum(0));
  return (codes / levels_).to(torch::kFloat32);
}

void StemFiles::write(const torch::Tensor& stems, const torch::Tensor& mixture) {
  const torch::Tensor output = levels_ > 0.0 && adds_up_ ? rounded(stems, mixture) : stems;
  for (std::size_t i = 0; i < writers_.size(); ++i) writers_[i].write(output[static_cast<std::int64_t>(i)]);
}

std::int64_t StemFiles::clipped() const {
  std::int64_t count = 0;
  for (const auto& writer : writers_) count += writer.clipped();
  return count;
}

void StemFiles::commit() {
  for (auto& writer : writers_) writer.commit();
}

ScratchStems::ScratchStems(const std::vector<std::filesystem::path>& beside,
                           const audio::WriterOptions& options)
    : places_(scratch_places(beside)), files_(temporaries(places_), as_floats(options), false) {}

void ScratchStems::pour(const std::filesystem::path& song, double gain, StemFiles& files) {
  files_.commit();
  audio::AudioReader mixture(song);
  std::vector<audio::AudioReader> readers;
  readers.reserve(places_.size());
  for (const auto& place : places_) readers.emplace_back(place.temporary());
  for (;;) {
    throw_if_interrupted();
    const torch::Tensor block = mixture.read(kBlock);
    if (block.size(1) == 0) return;
    std::vector<torch::Tensor> stems;
    stems.reserve(readers.size());
    for (auto& reader : readers) stems.push_back(reader.read(block.size(1)));
    files.write(torch::stack(stems) * gain, block * gain);
  }
}

}  // namespace partita::decomposition
