#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "partita/audio/file.hpp"
#include "partita/io/atomic_file.hpp"

namespace partita::decomposition {

/// Steps to full scale of the integers that a format holds; 0 where it holds none.
[[nodiscard]] double integer_levels(const audio::WriterOptions& options);

/// The stems of a song while they are written. They appear under their names at `commit`.
class StemFiles {
 public:
  /// With `adds_up`, integer stems are rounded so that their sum is the rounded mixture: the last
  /// takes what the others leave.
  StemFiles(const std::vector<std::filesystem::path>& paths, const audio::WriterOptions& options,
            bool adds_up);

  /// Stems `[stem, channel, n]` and the mixture `[channel, n]` that they belong to.
  void write(const torch::Tensor& stems, const torch::Tensor& mixture);
  /// Samples that lay beyond full scale.
  [[nodiscard]] std::int64_t clipped() const;
  void commit();

 private:
  [[nodiscard]] torch::Tensor rounded(const torch::Tensor& stems, const torch::Tensor& mixture) const;

  std::vector<audio::AudioWriter> writers_;
  double levels_;
  bool adds_up_;
};

/// Stems kept aside as floats, beside their final files, until their common peak is known. Removed
/// with the object.
class ScratchStems {
 public:
  ScratchStems(const std::vector<std::filesystem::path>& beside, const audio::WriterOptions& options);

  void write(const torch::Tensor& stems, const torch::Tensor& mixture) { files_.write(stems, mixture); }
  /// Writes stems and mixture, read again from `song`, times `gain` into `files`.
  void pour(const std::filesystem::path& song, double gain, StemFiles& files);

 private:
  std::vector<io::AtomicFile> places_;
  StemFiles files_;
};

}  // namespace partita::decomposition
