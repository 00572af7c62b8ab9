#include "partita/evaluation/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "host/pen.hpp"
#include "partita/audio/stft.hpp"
#include "partita/evaluation/si_metrics.hpp"

namespace partita::evaluation {
namespace {

constexpr double kRange = 80.0;  // dB below the loudest point of all panels
constexpr std::int64_t kWindow = 2048;
constexpr std::int64_t kAnalysed = std::int64_t{1} << 19;  // samples analysed at a time

// In points.
constexpr double kPlotWidth = 900.0, kPanelHeight = 130.0;
constexpr double kLeft = 62.0, kRight = 84.0, kPlotTop = 44.0, kPlotBottom = 44.0;
constexpr double kTitleHeight = 24.0, kGap = 10.0;

/// What all panels share.
struct Axes {
  double seconds = 0.0;
  double highest = 0.0;  ///< Hz
};

double to_mel(double hertz) { return 2595.0 * std::log10(1.0 + hertz / 700.0); }
double to_hertz(double mel) { return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0); }

/// Height of a frequency above the bottom of a panel, 0 … 1.
double mel_position(double hertz, double highest) { return to_mel(hertz) / to_mel(highest); }

/// Weights `[row, bin]` that average the power of the bins which a row of pixels shows, rows evenly
/// spaced in mel from the top down; rows narrower than a bin interpolate between two.
torch::Tensor row_weights(std::int64_t rows, double highest, int sample_rate) {
  const std::int64_t bins = kWindow / 2 + 1;
  const double bin = static_cast<double>(sample_rate) / kWindow;
  const torch::Tensor frequency = torch::arange(bins, torch::kFloat64) * bin;
  const double step = to_mel(highest) / static_cast<double>(rows);
  std::vector<torch::Tensor> weights;
  weights.reserve(static_cast<std::size_t>(rows));
  for (std::int64_t row = 0; row < rows; ++row) {
    const double low = to_hertz(step * static_cast<double>(rows - 1 - row));
    const double high = to_hertz(step * static_cast<double>(rows - row));
    const double reach = std::max(bin, (high - low) / 2.0);
    const torch::Tensor tent = (1.0 - (frequency - (low + high) / 2.0).abs() / reach).clamp_min(0.0);
    weights.push_back(tent / tent.sum().clamp_min(1e-9));
  }
  return torch::stack(weights).to(torch::kFloat32);
}

/// Power `[row, column]` of a panel on the shared axes; zero where it has no sound.
torch::Tensor panel_power(const SpectrogramPanel& panel, const Axes& axes, std::int64_t rows,
                          std::int64_t columns) {
  const torch::Tensor samples = panel.samples.detach().to(torch::kCPU, torch::kFloat32);
  const std::int64_t length = samples.size(0);
  const double own = static_cast<double>(length) / panel.sample_rate / axes.seconds;
  const std::int64_t filled =
      std::clamp<std::int64_t>(std::llround(own * static_cast<double>(columns)), 1, columns);
  const std::int64_t hop = std::clamp<std::int64_t>(length / filled, 64, 512);
  const audio::Stft stft({kWindow, hop});
  const torch::Tensor weights = row_weights(rows, axes.highest, panel.sample_rate);
  std::vector<torch::Tensor> blocks;
  const std::int64_t block = kAnalysed / hop * hop;
  for (std::int64_t begin = 0; begin < length; begin += block) {
    const torch::Tensor part = samples.narrow(0, begin, std::min(block, length - begin));
    const std::int64_t frames = (part.size(0) + hop - 1) / hop;
    blocks.push_back(weights.matmul(stft.forward(part).narrow(1, 0, frames).abs().square()));
  }
  const torch::Tensor power = torch::adaptive_avg_pool1d(torch::cat(blocks, 1), filled);
  return torch::constant_pad_nd(power, {0, columns - filled});
}

/// Black through purple and orange to pale yellow (matplotlib's magma at ten points), 0 … 1 to RGB.
std::array<double, 3> colour(double level) {
  static constexpr std::array<std::array<double, 3>, 10> kMagma{{{0, 0, 4},
                                                                 {24, 15, 62},
                                                                 {69, 16, 119},
                                                                 {114, 31, 129},
                                                                 {159, 47, 127},
                                                                 {205, 64, 113},
                                                                 {241, 96, 93},
                                                                 {253, 149, 103},
                                                                 {254, 201, 141},
                                                                 {252, 253, 191}}};
  const double place = std::clamp(level, 0.0, 1.0) * static_cast<double>(kMagma.size() - 1);
  const auto index = std::min(static_cast<std::size_t>(place), kMagma.size() - 2);
  const double rest = place - static_cast<double>(index);
  std::array<double, 3> mixed{};
  for (std::size_t i = 0; i < mixed.size(); ++i) {
    mixed[i] = kMagma[index][i] + rest * (kMagma[index + 1][i] - kMagma[index][i]);
  }
  return mixed;
}

/// Levels `[row, column]` in 0 … 1 as a picture.
Surface picture(const torch::Tensor& levels) {
  const torch::Tensor values = levels.contiguous();
  const auto table = values.accessor<float, 2>();
  Surface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(values.size(1)),
                                             static_cast<int>(values.size(0))));
  unsigned char* data = cairo_image_surface_get_data(surface.get());
  if (data == nullptr) fail<EvaluationError>("spectrograms: no memory for a picture");
  const int stride = cairo_image_surface_get_stride(surface.get());
  for (std::int64_t row = 0; row < values.size(0); ++row) {
    auto* pixels = reinterpret_cast<std::uint32_t*>(data + row * stride);
    for (std::int64_t column = 0; column < values.size(1); ++column) {
      const auto rgb = colour(table[row][column]);
      pixels[column] = static_cast<std::uint32_t>(std::lround(rgb[0])) << 16U |
                       static_cast<std::uint32_t>(std::lround(rgb[1])) << 8U |
                       static_cast<std::uint32_t>(std::lround(rgb[2]));
    }
  }
  cairo_surface_mark_dirty(surface.get());
  return surface;
}

void draw_time(Pen& pen, const Box& box, double seconds, bool labels) {
  const double step = tick_step(seconds, 10);
  const auto count = static_cast<int>(std::floor(seconds / step + 1e-9));
  for (int i = 0; i <= count; ++i) {
    const double x = box.x + box.width * step * i / seconds;
    pen.line(x, box.y + box.height, x, box.y + box.height + kTick);
    if (labels) pen.text(fmt::format("{:g}", step * i), x, box.y + box.height + kTick + 4.0, 0.5, 0.0);
  }
  if (labels) pen.text("time (s)", box.x + box.width / 2.0, box.y + box.height + 24.0, 0.5, 0.0);
}

void draw_frequency(Pen& pen, const Box& box, double highest) {
  for (const double kilohertz : {0.0, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0}) {
    if (kilohertz * 1000.0 > highest) break;
    const double y = box.y + box.height * (1.0 - mel_position(kilohertz * 1000.0, highest));
    pen.line(box.x - kTick, y, box.x, y);
    pen.text(fmt::format("{:g}", kilohertz), box.x - kTick - 4.0, y, 1.0, 0.5);
  }
  pen.upward_text("frequency (kHz)", box.x - 46.0, box.y + box.height / 2.0);
}

void draw_colour_bar(Pen& pen, const Box& box) {
  const torch::Tensor levels = torch::linspace(1.0, 0.0, 256).unsqueeze(1);
  pen.image(picture(levels).get(), box);
  pen.frame(box);
  for (int level = 0; level >= -static_cast<int>(kRange); level -= 20) {
    const double y = box.y - box.height * level / kRange;
    pen.line(box.x + box.width, y, box.x + box.width + kTick, y);
    pen.text(number(level), box.x + box.width + kTick + 4.0, y, 0.0, 0.5);
  }
  pen.text("dB", box.x + box.width / 2.0, box.y - 6.0, 0.5, 1.0);
}

void check(const std::vector<SpectrogramPanel>& panels) {
  if (panels.empty()) fail<EvaluationError>("spectrograms: expected at least one panel, found none");
  for (const auto& panel : panels) {
    if (panel.sample_rate < 1 || panel.samples.dim() != 1 || panel.samples.size(0) < 1) {
      fail<EvaluationError>("spectrogram '{}': expected samples [sample] and their rate, found {} at {} Hz",
                            panel.title, c10::str(panel.samples.sizes()), panel.sample_rate);
    }
    if (!torch::isfinite(panel.samples).all().item<bool>()) {
      fail<EvaluationError>("spectrogram '{}': holds NaN or infinite samples", panel.title);
    }
  }
}

Axes shared_axes(const std::vector<SpectrogramPanel>& panels) {
  Axes axes;
  for (const auto& panel : panels) {
    axes.seconds = std::max(axes.seconds, static_cast<double>(panel.samples.size(0)) / panel.sample_rate);
    axes.highest = std::max(axes.highest, panel.sample_rate / 2.0);
  }
  return axes;
}

/// Levels `[panel, row, column]`: 1 at the loudest point of all, 0 at kRange below it.
torch::Tensor shared_levels(const std::vector<SpectrogramPanel>& panels, const Axes& axes) {
  const auto rows = std::llround(kPanelHeight * kScale);
  const auto columns = std::llround((kPlotWidth - kLeft - kRight) * kScale);
  std::vector<torch::Tensor> powers;
  powers.reserve(panels.size());
  for (const auto& panel : panels) powers.push_back(panel_power(panel, axes, rows, columns));
  const torch::Tensor power = torch::stack(powers).to(torch::kFloat64);
  const double loudest = std::max(power.max().item<double>(), 1e-20);
  const torch::Tensor decibels = 10.0 * (power / loudest).clamp_min(1e-20).log10();
  return (decibels / kRange + 1.0).clamp(0.0, 1.0).to(torch::kFloat32);
}

}  // namespace

void plot_spectrograms(const std::filesystem::path& png, const std::vector<SpectrogramPanel>& panels,
                       const std::string& title) {
  check(panels);
  const torch::NoGradGuard no_gradient;
  const Axes axes = shared_axes(panels);
  const torch::Tensor levels = shared_levels(panels, axes);
  const auto count = static_cast<double>(panels.size());
  const double height = kPlotTop + count * (kTitleHeight + kPanelHeight + kGap) + kPlotBottom;
  const Surface page = make_page(kPlotWidth, height);
  Pen pen(page.get());
  pen.text(title, kLeft, 18.0, 0.0, 0.0, kTitleSize, true);
  Box box{kLeft, kPlotTop, kPlotWidth - kLeft - kRight, kPanelHeight};
  for (std::size_t i = 0; i < panels.size(); ++i) {
    box.y += kTitleHeight;
    pen.text(panels[i].title, box.x, box.y - 6.0, 0.0, 1.0);
    pen.image(picture(levels[static_cast<std::int64_t>(i)]).get(), box);
    pen.frame(box);
    draw_frequency(pen, box, axes.highest);
    draw_time(pen, box, axes.seconds, i + 1 == panels.size());
    box.y += kPanelHeight + kGap;
  }
  const double first = kPlotTop + kTitleHeight;
  draw_colour_bar(pen, {kPlotWidth - kRight + 22.0, first, 12.0, box.y - kGap - first});
  write_png(page.get(), png);
}

}  // namespace partita::evaluation
