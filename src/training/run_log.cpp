#include "run_log.hpp"

#include <charconv>
#include <fstream>
#include <sstream>
#include <system_error>

#include "partita/audio/stft.hpp"
#include "partita/io/atomic_file.hpp"

namespace partita::training {
namespace {

namespace fs = std::filesystem;

constexpr double kPictureDecibels = 80.0;  // from white to black

void append_row(const fs::path& csv, const std::string& header, const std::string& row) {
  std::error_code error;
  fs::create_directories(csv.parent_path(), error);
  const bool fresh = !fs::exists(csv, error) || fs::file_size(csv, error) == 0;
  std::ofstream out(csv, std::ios::app);
  if (fresh) out << header << '\n';
  out << row << '\n';
  out.flush();
  if (!out)
    fail<TrainingError>("{}: cannot be written; check the disk and the folder's rights", csv.string());
}

void drop_rows_after(const fs::path& csv, std::int64_t step) {
  if (!fs::exists(csv)) return;
  std::istringstream in(io::read_file(csv));
  std::string kept, line;
  while (std::getline(in, line)) {
    std::int64_t row_step = 0;
    const auto parsed = std::from_chars(line.data(), line.data() + line.size(), row_step);
    const bool header = parsed.ec != std::errc{};
    if (header ? kept.empty() : row_step <= step) kept += line + '\n';
  }
  io::write_file(csv, kept);
}

/// `[bin, frame]`, high frequencies on top, the loudest bin black.
torch::Tensor spectrogram(const torch::Tensor& samples) {
  const torch::Tensor power = audio::Stft({1024, 512}).forward(samples).abs().square();
  const torch::Tensor decibels = 10.0 * torch::log10(power / power.max().clamp_min(1e-20) + 1e-20);
  return (-decibels / kPictureDecibels).clamp(0.0, 1.0).flip(0);
}

}  // namespace

void RunLog::resume(std::int64_t step) {
  if (!writes_) return;
  for (const char* name : {"log.csv", "validation.csv"}) drop_rows_after(run_ / name, step);
  (void)events(step);
}

io::EventFile& RunLog::events(std::int64_t step) {
  if (events_ == nullptr) events_ = std::make_unique<io::EventFile>(run_ / "events", step);
  return *events_;
}

void RunLog::row(const std::string& name, std::int64_t step, const std::string& stage,
                 const Figures& figures) {
  if (!writes_) return;
  std::string header = "step,stage";
  std::string row = fmt::format("{},{}", step, stage);
  for (const auto& [figure, value] : figures) {
    header += "," + figure;
    row += fmt::format(",{:.9g}", value);
    events(0).scalar(step, fmt::format("{}/{}", name, figure), value);
  }
  append_row(run_ / (name + ".csv"), header, row);
}

void RunLog::sounds(std::int64_t step, const std::vector<Sound>& sounds) {
  if (!writes_) return;
  for (const Sound& sound : sounds) {
    events(0).audio(step, sound.name, sound.samples, sound.sample_rate);
    events(0).image(step, sound.name, spectrogram(sound.samples));
  }
}

}  // namespace partita::training
