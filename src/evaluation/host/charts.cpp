#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/pen.hpp"
#include "partita/evaluation/plot.hpp"
#include "partita/evaluation/si_metrics.hpp"
#include "partita/evaluation/statistics.hpp"

namespace partita::evaluation {
namespace {

// In points.
constexpr double kWidth = 900.0, kTop = 52.0, kBottom = 48.0, kMargin = 20.0;
constexpr double kNames = 190.0;  // beside boxes and curves
constexpr double kBoxHeight = 15.0, kBoxGap = 4.0, kRowGap = 14.0;
constexpr double kCurvesHeight = 380.0;
constexpr double kLegendStep = 18.0;
constexpr double kDot = 1.3, kPoint = 2.8;

constexpr double kOutsideAxis = 0.005;  // of the values, beyond each end of an axis of boxes
constexpr double kWhisker = 1.5;        // box widths

/// Colours that the colour-blind can tell apart (Okabe and Ito 2008), then grey.
constexpr std::array<Colour, 8> kColours{{{0.00, 0.45, 0.70},
                                          {0.84, 0.37, 0.00},
                                          {0.00, 0.62, 0.45},
                                          {0.80, 0.47, 0.65},
                                          {0.90, 0.62, 0.00},
                                          {0.34, 0.71, 0.91},
                                          {0.13, 0.13, 0.13},
                                          {0.60, 0.60, 0.60}}};

const Colour& colour_of(std::size_t index) { return kColours[index % kColours.size()]; }

/// An axis: values from `low` to `high` on a stretch of the page, which may run backwards.
struct Axis {
  double low = 0.0, high = 1.0;
  double from = 0.0, to = 1.0;  ///< places of low and high
  bool logarithmic = false;

  [[nodiscard]] double place(double value) const {
    const double share =
        logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
    return from + share * (to - from);
  }
  [[nodiscard]] bool holds(double value) const { return value >= low && value <= high; }
  [[nodiscard]] std::vector<double> ticks() const {
    std::vector<double> found;
    if (logarithmic) {
      for (double power = std::pow(10.0, std::floor(std::log10(low))); power <= high; power *= 10.0) {
        for (const double factor : {1.0, 2.0, 5.0}) {
          if (holds(factor * power)) found.push_back(factor * power);
        }
      }
      return found;
    }
    const double step = tick_step(high - low, 10);
    for (double i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i += 1.0)
      found.push_back(i * step);
    return found;
  }
};

/// Room around values, also where they are all the same.
Axis with_room(double low, double high) {
  const double room = high > low ? 0.04 * (high - low) : std::max(1.0, 0.1 * std::abs(low));
  return {low - room, high + room, 0.0, 1.0, false};
}

void draw_across(Pen& pen, const Axis& axis, const Box& box, const std::string& label) {
  const double bottom = box.y + box.height;
  for (const double value : axis.ticks()) {
    const double x = axis.place(value);
    pen.set_colour(kPale);
    pen.line(x, box.y, x, bottom);
    pen.set_colour(kInk);
    pen.line(x, bottom, x, bottom + kTick);
    pen.text(number(value), x, bottom + kTick + 4.0, 0.5, 0.0);
  }
  pen.text(label, box.x + box.width / 2.0, bottom + 26.0, 0.5, 0.0);
}

void draw_upwards(Pen& pen, const Axis& axis, const Box& box, const std::string& label) {
  for (const double value : axis.ticks()) {
    const double y = axis.place(value);
    pen.set_colour(kPale);
    pen.line(box.x, y, box.x + box.width, y);
    pen.set_colour(kInk);
    pen.line(box.x - kTick, y, box.x, y);
    pen.text(number(value), box.x - kTick - 4.0, y, 1.0, 0.5);
  }
  pen.upward_text(label, box.x - 46.0, box.y + box.height / 2.0);
}

/// Colours and names from the left to the right.
void draw_legend(Pen& pen, const std::vector<std::string>& names, double x, double y) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    pen.fill({x, y, 10.0, 10.0}, colour_of(i), 0.6);
    pen.text(names[i], x + 15.0, y + 5.0, 0.0, 0.5);
    x += 32.0 + 7.0 * static_cast<double>(names[i].size());
  }
}

void draw_box(Pen& pen, const Axis& axis, std::vector<double> values, double y, const Colour& colour) {
  if (values.empty()) return;
  std::sort(values.begin(), values.end());
  const double low = quantile(values, 0.25), middle = quantile(values, 0.5), high = quantile(values, 0.75);
  const double reach = kWhisker * (high - low);
  const double first = *std::lower_bound(values.begin(), values.end(), low - reach);
  const double last = *(std::upper_bound(values.begin(), values.end(), high + reach) - 1);
  const auto place = [&](double value) { return axis.place(std::clamp(value, axis.low, axis.high)); };
  const double centre = y + kBoxHeight / 2.0;
  pen.set_colour(colour);
  pen.line(place(first), centre, place(low), centre);
  pen.line(place(high), centre, place(last), centre);
  for (const double end : {first, last}) {
    if (axis.holds(end)) pen.line(place(end), centre - 4.0, place(end), centre + 4.0);
  }
  pen.set_colour(colour, 0.5);
  for (const double value : values) {
    if ((value < first || value > last) && axis.holds(value)) pen.dot(place(value), centre, kDot);
  }
  const Box box{place(low), y, place(high) - place(low), kBoxHeight};
  pen.fill(box, colour, 0.6);
  pen.frame(box);
  pen.set_width(2.0);
  pen.line(place(middle), y, place(middle), y + kBoxHeight);
  pen.set_width(0.8);
}

/// All values of all rows, in order.
std::vector<double> values_of(const std::vector<BoxRow>& rows, std::size_t series) {
  std::vector<double> all;
  for (const auto& row : rows) {
    if (row.series.size() != series) {
      fail<EvaluationError>("boxes of '{}': expected {} series, found {}", row.name, series,
                            row.series.size());
    }
    for (const auto& values : row.series) all.insert(all.end(), values.begin(), values.end());
  }
  if (all.empty()) fail<EvaluationError>("boxes: expected values, found none");
  if (!std::all_of(all.begin(), all.end(), [](double value) { return std::isfinite(value); })) {
    fail<EvaluationError>("boxes: NaN or infinite values");
  }
  std::sort(all.begin(), all.end());
  return all;
}

struct Extent {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void take(double value) {
    if (!std::isfinite(value)) fail<EvaluationError>("curves: NaN or infinite values");
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

Axis logarithmic_axis(const Extent& extent) {
  if (extent.low <= 0.0) fail<EvaluationError>("curves: a logarithmic axis needs positive values");
  return {extent.low / 1.15, extent.high * 1.15, 0.0, 1.0, true};
}

}  // namespace

void plot_boxes(const std::filesystem::path& png, const std::vector<BoxRow>& rows,
                const std::vector<std::string>& series, const ChartText& text) {
  const std::vector<double> all = values_of(rows, series.size());
  const double each = static_cast<double>(series.size()) * (kBoxHeight + kBoxGap) - kBoxGap + kRowGap;
  const Box area{kNames, kTop, kWidth - kNames - kMargin, each * static_cast<double>(rows.size())};
  Axis axis = with_room(quantile(all, kOutsideAxis), quantile(all, 1.0 - kOutsideAxis));
  axis.from = area.x;
  axis.to = area.x + area.width;
  const auto outside =
      std::count_if(all.begin(), all.end(), [&](double value) { return !axis.holds(value); });
  const Surface page = make_page(kWidth, kTop + area.height + kBottom);
  Pen pen(page.get());
  pen.text(text.title, kMargin, 14.0, 0.0, 0.0, kTitleSize, true);
  draw_legend(pen, series, area.x, 34.0);
  draw_across(
      pen, axis, area,
      outside > 0 ? fmt::format("{}   ({} of {} values lie outside)", text.x, outside, all.size()) : text.x);
  double y = area.y + kRowGap / 2.0;
  for (const auto& row : rows) {
    pen.text(row.name, area.x - 10.0, y + (each - kRowGap) / 2.0, 1.0, 0.5);
    for (std::size_t i = 0; i < series.size(); ++i) {
      draw_box(pen, axis, row.series[i], y + static_cast<double>(i) * (kBoxHeight + kBoxGap), colour_of(i));
    }
    y += each;
  }
  pen.frame(area);
  write_png(page.get(), png);
}

void plot_curves(const std::filesystem::path& png, const std::vector<Curve>& curves, const ChartText& text,
                 bool logarithmic) {
  Extent across, upwards;
  for (const auto& curve : curves) {
    for (const auto& [x, y] : curve.points) {
      across.take(x);
      upwards.take(y);
    }
  }
  if (across.low > across.high) fail<EvaluationError>("curves: expected points, found none");
  const Box area{66.0, kTop - 10.0, kWidth - 66.0 - kNames, kCurvesHeight};
  Axis x = logarithmic ? logarithmic_axis(across) : with_room(across.low, across.high);
  x.from = area.x;
  x.to = area.x + area.width;
  Axis y = with_room(upwards.low, upwards.high);
  y.from = area.y + area.height;
  y.to = area.y;
  const Surface page = make_page(kWidth, kTop + area.height + kBottom);
  Pen pen(page.get());
  pen.text(text.title, kMargin, 14.0, 0.0, 0.0, kTitleSize, true);
  draw_across(pen, x, area, text.x);
  draw_upwards(pen, y, area, text.y);
  double legend = area.y + 12.0;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    std::vector<std::pair<double, double>> places;
    for (const auto& [a, b] : curves[i].points) places.emplace_back(x.place(a), y.place(b));
    const double right = area.x + area.width + 14.0;
    pen.set_colour(colour_of(i));
    pen.set_width(1.6);
    pen.set_dashes(i < kColours.size() ? 0.0 : 4.0);
    pen.path(places);
    pen.line(right, legend, right + 18.0, legend);
    pen.set_dashes(0.0);
    for (const auto& [a, b] : places) pen.dot(a, b, kPoint);
    pen.set_width(0.8);
    pen.set_colour(kInk);
    pen.text(curves[i].name, right + 24.0, legend, 0.0, 0.5);
    legend += kLegendStep;
  }
  pen.frame(area);
  write_png(page.get(), png);
}

}  // namespace partita::evaluation
