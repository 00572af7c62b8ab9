#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace partita::io {

/// What TensorBoard shows of a run: records of tensorflow.Event in TFRecord framing (tensorflow/core/util/
/// event.proto, framework/summary.proto, lib/io/record_writer.h). Appended and flushed event by event; a
/// record that a crash cuts off is passed over by TensorBoard.
class EventFile {
 public:
  /// Begins a new file, "events.out.tfevents.<seconds>.<process>", in `folder`, which is made if need be.
  /// What earlier files of the folder say of steps after `step` no longer counts. Throws IoError if it cannot
  /// be written, as do all calls.
  EventFile(const std::filesystem::path& folder, std::int64_t step);

  void scalar(std::int64_t step, std::string_view tag, double value);
  /// Samples `[sample]` in −1 … 1.
  void audio(std::int64_t step, std::string_view tag, const torch::Tensor& samples, int sample_rate);
  /// Grey levels `[row, column]` in 0 (black) … 1 (white), the first row on top.
  void image(std::int64_t step, std::string_view tag, const torch::Tensor& levels);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  void write(std::int64_t step, std::string_view what);

  std::filesystem::path path_;
  std::ofstream out_;
};

}  // namespace partita::io
