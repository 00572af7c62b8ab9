#pragma once

#include <cairo/cairo.h>

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace partita::evaluation {

// Page measures in points; a point is kScale pixels.
inline constexpr double kScale = 1.5;
inline constexpr double kTextSize = 11.0, kTitleSize = 14.0;
inline constexpr double kTick = 4.0;

struct Destroy {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
  void operator()(cairo_t* context) const { cairo_destroy(context); }
};
using Surface = std::unique_ptr<cairo_surface_t, Destroy>;

struct Box {
  double x = 0.0, y = 0.0, width = 0.0, height = 0.0;
};

using Colour = std::array<double, 3>;  ///< red, green, blue, 0 … 1
inline constexpr Colour kInk{0.13, 0.13, 0.13};
inline constexpr Colour kPale{0.87, 0.87, 0.87};

/// An empty page. Throws EvaluationError where it is too large.
[[nodiscard]] Surface make_page(double width, double height);

/// Draws on a page; positions in points.
class Pen {
 public:
  explicit Pen(cairo_surface_t* surface);

  /// `across` and `down`: the point of the text's box that lies at (x, y), 0 … 1; `down` counts from
  /// the top of a capital letter.
  void text(const std::string& words, double x, double y, double across, double down, double size = kTextSize,
            bool bold = false);
  /// The same, read upwards and centred.
  void upward_text(const std::string& words, double x, double y);
  void line(double x1, double y1, double x2, double y2);
  void path(const std::vector<std::pair<double, double>>& points);
  void frame(const Box& box);
  void fill(const Box& box, const Colour& colour, double opacity);
  void dot(double x, double y, double radius);
  void image(cairo_surface_t* surface, const Box& box);
  /// Of all that follows.
  void set_colour(const Colour& colour, double opacity = 1.0);
  void set_width(double points);
  void set_dashes(double points);  ///< 0: none

 private:
  std::unique_ptr<cairo_t, Destroy> context_;
};

/// The step of 1, 2 or 5 times a power of ten that gives at most `most` ticks.
[[nodiscard]] double tick_step(double extent, int most);
/// "−20", "0.5".
[[nodiscard]] std::string number(double value);
/// Throws EvaluationError where it cannot be written.
void write_png(cairo_surface_t* surface, const std::filesystem::path& png);

}  // namespace partita::evaluation
