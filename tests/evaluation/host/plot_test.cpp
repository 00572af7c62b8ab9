#include "partita/evaluation/plot.hpp"

#include <cairo/cairo.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "partita/evaluation/si_metrics.hpp"
#include "partita/io/error.hpp"
#include "support/signals.hpp"
#include "support/temporary_folder.hpp"

namespace partita::evaluation {
namespace {

struct Destroy {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
using Picture = std::unique_ptr<cairo_surface_t, Destroy>;

Picture read_png(const std::filesystem::path& path) {
  Picture picture(cairo_image_surface_create_from_png(path.c_str()));
  EXPECT_EQ(cairo_surface_status(picture.get()), CAIRO_STATUS_SUCCESS) << path;
  return picture;
}

/// How many different colours a picture holds.
std::size_t colours(cairo_surface_t* picture) {
  const auto* data = cairo_image_surface_get_data(picture);
  std::set<std::uint32_t> found;
  for (int row = 0; row < cairo_image_surface_get_height(picture); ++row) {
    const auto* pixels = reinterpret_cast<const std::uint32_t*>(
        data + std::ptrdiff_t{row} * cairo_image_surface_get_stride(picture));
    found.insert(pixels, pixels + cairo_image_surface_get_width(picture));
  }
  return found.size();
}

std::vector<SpectrogramPanel> panels() {
  return {{"drums", support::drums_like(1.0, 24000), 24000}, {"bass", support::bass_like(1.5, 44100), 44100}};
}

TEST(PlotSpectrograms, WritesAPictureThatGrowsWithItsPanels) {
  const support::TemporaryFolder folder;
  plot_spectrograms(folder / "two.png", panels(), "drums and bass");
  plot_spectrograms(folder / "one.png", {panels()[0]}, "drums");
  const Picture two = read_png(folder / "two.png");
  const Picture one = read_png(folder / "one.png");
  EXPECT_EQ(cairo_image_surface_get_width(two.get()), cairo_image_surface_get_width(one.get()));
  EXPECT_GT(cairo_image_surface_get_height(two.get()), cairo_image_surface_get_height(one.get()) + 100);
  EXPECT_GT(colours(two.get()), 200U);
  EXPECT_EQ(folder.entries().size(), 2U) << "nothing but the pictures";
}

TEST(PlotSpectrograms, TheSamePanelsGiveTheSameBytes) {
  const support::TemporaryFolder folder;
  plot_spectrograms(folder / "a.png", panels(), "same");
  plot_spectrograms(folder / "b.png", panels(), "same");
  std::ifstream a(folder / "a.png", std::ios::binary);
  std::ifstream b(folder / "b.png", std::ios::binary);
  const std::string first{std::istreambuf_iterator<char>(a), {}};
  const std::string second{std::istreambuf_iterator<char>(b), {}};
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(first, second);
}

TEST(PlotSpectrograms, DrawsSilenceOneSampleAndLongSound) {
  const support::TemporaryFolder folder;
  plot_spectrograms(folder / "silence.png", {{"silence", torch::zeros({4000}), 8000}}, "");
  plot_spectrograms(folder / "sample.png", {{"sample", torch::ones({1}), 8000}}, "");
  plot_spectrograms(folder / "long.png", {{"long", torch::ones({1200001}), 8000}}, "");
  EXPECT_EQ(folder.entries().size(), 3U);
}

TEST(PlotSpectrograms, RefusesWhatItCannotDraw) {
  const support::TemporaryFolder folder;
  const auto png = folder / "none.png";
  EXPECT_THROW(plot_spectrograms(png, {}, ""), EvaluationError);
  EXPECT_THROW(plot_spectrograms(png, {{"stereo", torch::zeros({2, 100}), 8000}}, ""), EvaluationError);
  EXPECT_THROW(plot_spectrograms(png, {{"empty", torch::zeros({0}), 8000}}, ""), EvaluationError);
  EXPECT_THROW(plot_spectrograms(png, {{"rate", torch::zeros({100}), 0}}, ""), EvaluationError);
  const torch::Tensor infinite = torch::full({100}, std::numeric_limits<float>::infinity());
  EXPECT_THROW(plot_spectrograms(png, {{"infinite", infinite, 8000}}, ""), EvaluationError);
  EXPECT_TRUE(folder.entries().empty());
  std::ofstream(folder / "file") << "no folder";
  EXPECT_THROW(plot_spectrograms(folder.path() / "file" / "x.png", panels(), ""), io::IoError);
}

std::vector<BoxRow> box_rows() {
  BoxRow first{"first", {{}, {}}}, second{"second", {{}, {}}};
  for (int i = 0; i < 40; ++i) {
    first.series[0].push_back(i % 10);
    first.series[1].push_back(20.0 + i % 7);
    second.series[0].push_back(-5.0);
  }
  first.series[0].push_back(30.0);  // beyond the whisker
  return {first, second};           // the second has no values in one series
}

/// The colour at a share of a picture's width and height.
std::uint32_t pixel(cairo_surface_t* picture, double across, double down) {
  const auto column = static_cast<std::ptrdiff_t>(across * cairo_image_surface_get_width(picture));
  const auto row = static_cast<std::ptrdiff_t>(down * cairo_image_surface_get_height(picture));
  const auto* data = cairo_image_surface_get_data(picture) + row * cairo_image_surface_get_stride(picture);
  return reinterpret_cast<const std::uint32_t*>(data)[column] & 0xFFFFFFU;
}

TEST(PlotBoxes, GrowWithTheirRows) {
  const support::TemporaryFolder folder;
  plot_boxes(folder / "two.png", box_rows(), {"drums", "bass"}, {"systems", "SI-SDR (dB)", ""});
  plot_boxes(folder / "one.png", {box_rows()[0]}, {"drums", "bass"}, {"systems", "SI-SDR (dB)", ""});
  const Picture two = read_png(folder / "two.png");
  const Picture one = read_png(folder / "one.png");
  EXPECT_GT(cairo_image_surface_get_height(two.get()), cairo_image_surface_get_height(one.get()) + 40);
  EXPECT_GT(colours(one.get()), 10U);
}

TEST(PlotBoxes, RefuseWhatTheyCannotDraw) {
  const support::TemporaryFolder folder;
  const auto draw = [&](const std::vector<BoxRow>& rows) { plot_boxes(folder / "x.png", rows, {"a"}, {}); };
  EXPECT_THROW(draw({}), EvaluationError);
  EXPECT_THROW(draw({{"empty", {{}}}}), EvaluationError);
  EXPECT_THROW(draw({{"two", {{1.0}, {2.0}}}}), EvaluationError);
  EXPECT_THROW(draw({{"none", {{1.0, std::numeric_limits<double>::quiet_NaN()}}}}), EvaluationError);
  EXPECT_TRUE(folder.entries().empty());
  draw({{"alike", {{3.0, 3.0}}}});
  EXPECT_EQ(folder.entries().size(), 1U) << "values that are all the same";
}

TEST(PlotCurves, RiseToTheRightWhereTheirValuesDo) {
  const support::TemporaryFolder folder;
  std::vector<std::pair<double, double>> rising;
  for (int i = 0; i <= 100; ++i) rising.emplace_back(i, i);
  plot_curves(folder / "rising.png", {{"rising", rising}}, {"title", "x", "y"});
  const Picture picture = read_png(folder / "rising.png");
  const auto blue = [&](double across, double down) {  // a blue point in a small neighbourhood
    for (double step = -0.02; step <= 0.02; step += 0.001) {
      const std::uint32_t found = pixel(picture.get(), across, down + step);
      if ((found & 0xFFU) > 0x80U && (found >> 16U) < 0x40U) return true;
    }
    return false;
  };
  EXPECT_TRUE(blue(0.12, 0.82));
  EXPECT_TRUE(blue(0.74, 0.15));
  EXPECT_FALSE(blue(0.12, 0.15));
  EXPECT_FALSE(blue(0.74, 0.82));
}

TEST(PlotCurves, RefuseWhatTheyCannotDraw) {
  const support::TemporaryFolder folder;
  const auto png = folder / "x.png";
  EXPECT_THROW(plot_curves(png, {}, {}), EvaluationError);
  EXPECT_THROW(plot_curves(png, {{"none", {}}}, {}), EvaluationError);
  EXPECT_THROW(plot_curves(png, {{"zero", {{0.0, 1.0}}}}, {}, true), EvaluationError);
  EXPECT_THROW(plot_curves(png, {{"nan", {{1.0, std::nan("")}}}}, {}), EvaluationError);
  EXPECT_TRUE(folder.entries().empty());
}

}  // namespace
}  // namespace partita::evaluation
