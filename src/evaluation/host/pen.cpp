#include "host/pen.hpp"

#include <fmt/format.h>

#include <cmath>

#include "partita/evaluation/si_metrics.hpp"
#include "partita/io/atomic_file.hpp"

namespace partita::evaluation {
namespace {

constexpr double kLine = 0.8;

}  // namespace

Surface make_page(double width, double height) {
  Surface page(cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(std::lround(width * kScale)),
                                          static_cast<int>(std::lround(height * kScale))));
  if (cairo_surface_status(page.get()) != CAIRO_STATUS_SUCCESS) {
    fail<EvaluationError>("a picture of {:.0f} by {:.0f} points is too large", width, height);
  }
  return page;
}

Pen::Pen(cairo_surface_t* surface) : context_(cairo_create(surface)) {
  cairo_scale(context_.get(), kScale, kScale);
  cairo_set_source_rgb(context_.get(), 1, 1, 1);
  cairo_paint(context_.get());
  set_colour(kInk);
  set_width(kLine);
}

void Pen::text(const std::string& words, double x, double y, double across, double down, double size,
               bool bold) {
  cairo_select_font_face(context_.get(), "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                         bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(context_.get(), size);
  cairo_text_extents_t extents;
  cairo_text_extents(context_.get(), words.c_str(), &extents);
  const double capital = 0.73 * size;
  cairo_move_to(context_.get(), x - across * extents.x_advance, y + (1.0 - down) * capital);
  cairo_show_text(context_.get(), words.c_str());
}

void Pen::upward_text(const std::string& words, double x, double y) {
  cairo_save(context_.get());
  cairo_translate(context_.get(), x, y);
  cairo_rotate(context_.get(), -M_PI / 2.0);
  text(words, 0, 0, 0.5, 0.5);
  cairo_restore(context_.get());
}

void Pen::line(double x1, double y1, double x2, double y2) { path({{x1, y1}, {x2, y2}}); }

void Pen::path(const std::vector<std::pair<double, double>>& points) {
  cairo_new_path(context_.get());  // showing text leaves a point
  for (const auto& [x, y] : points) cairo_line_to(context_.get(), x, y);
  cairo_stroke(context_.get());
}

void Pen::frame(const Box& box) {
  cairo_rectangle(context_.get(), box.x, box.y, box.width, box.height);
  cairo_stroke(context_.get());
}

void Pen::fill(const Box& box, const Colour& colour, double opacity) {
  set_colour(colour, opacity);
  cairo_rectangle(context_.get(), box.x, box.y, box.width, box.height);
  cairo_fill(context_.get());
  set_colour(kInk);
}

void Pen::dot(double x, double y, double radius) {
  cairo_new_path(context_.get());
  cairo_arc(context_.get(), x, y, radius, 0.0, 2.0 * M_PI);
  cairo_fill(context_.get());
}

void Pen::image(cairo_surface_t* surface, const Box& box) {
  cairo_save(context_.get());
  cairo_translate(context_.get(), box.x, box.y);
  cairo_scale(context_.get(), box.width / cairo_image_surface_get_width(surface),
              box.height / cairo_image_surface_get_height(surface));
  cairo_set_source_surface(context_.get(), surface, 0, 0);
  cairo_pattern_set_filter(cairo_get_source(context_.get()), CAIRO_FILTER_NEAREST);
  cairo_paint(context_.get());
  cairo_restore(context_.get());
  set_colour(kInk);
}

void Pen::set_colour(const Colour& colour, double opacity) {
  cairo_set_source_rgba(context_.get(), colour[0], colour[1], colour[2], opacity);
}

void Pen::set_width(double points) { cairo_set_line_width(context_.get(), points); }

void Pen::set_dashes(double points) { cairo_set_dash(context_.get(), &points, points > 0.0 ? 1 : 0, 0.0); }

double tick_step(double extent, int most) {
  const double least = extent / most;
  const double power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least) return factor * power;
  }
  return 10.0 * power;
}

std::string number(double value) {
  if (std::abs(value) < 1e-12) return "0";
  return fmt::format("{}{:g}", value < 0.0 ? "\u2212" : "", std::abs(value));
}

void write_png(cairo_surface_t* surface, const std::filesystem::path& png) {
  io::AtomicFile file(png);
  const cairo_status_t status = cairo_surface_write_to_png(surface, file.temporary().c_str());
  if (status != CAIRO_STATUS_SUCCESS) {
    fail<EvaluationError>("{}: the picture cannot be written: {}", png.string(),
                          cairo_status_to_string(status));
  }
  file.commit();
}

}  // namespace partita::evaluation
