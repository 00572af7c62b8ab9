#include "partita/evaluation/bss_eval.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "bss_frames.hpp"
#include "partita/base/interrupt.hpp"

namespace partita::evaluation {
namespace {

constexpr std::int64_t kPiece = 1 << 17;  // samples a read
constexpr double kFigureLimit = 100.0;    // dB

/// Where windows lie; all of them are of one length.
struct Framing {
  std::int64_t window = 0;
  std::int64_t frames = 0;
  double hop = 0.0;

  Framing(const BssTrack& track, const BssOptions& options)
      : window(static_cast<std::int64_t>(options.window * track.sample_rate)),
        hop(options.hop * track.sample_rate) {
    if (track.sources < 1 || track.channels < 1 || track.samples < 1 || options.taps < 1) {
      fail<EvaluationError>(
          "BSS Eval: expected at least one source, channel, sample and tap, found {}, {}, {} and {}",
          track.sources, track.channels, track.samples, options.taps);
    }
    if (window < 1 || !(hop >= 1.0)) {
      fail<EvaluationError>(
          "BSS Eval: expected a window and a hop of at least one sample, found {:g} s and {:g} s",
          options.window, options.hop);
    }
    frames = 1;
    if (window < track.samples)
      frames = static_cast<std::int64_t>((static_cast<double>(track.samples - window) + hop) / hop);
    window = std::min(window, track.samples);
  }
  [[nodiscard]] std::int64_t start(std::int64_t frame) const {
    return static_cast<std::int64_t>(static_cast<double>(frame) * hop);
  }
};

void check(const torch::Tensor& signals, const BssTrack& track, std::int64_t count, const char* what) {
  if (signals.dim() != 3 || signals.size(0) != track.sources || signals.size(1) != track.channels ||
      signals.size(2) != count) {
    fail<EvaluationError>("BSS Eval: expected {} [{}, {}, {}], found {}", what, track.sources, track.channels,
                          count, c10::str(signals.sizes()));
  }
}

void check_finite(const torch::Tensor& signals, const char* what) {
  if (!torch::isfinite(signals).all().item<bool>())
    fail<EvaluationError>("BSS Eval: the {} hold NaN or infinite samples", what);
}

/// A track from its start, in float64.
class Stream {
 public:
  explicit Stream(const BssTrack& track) : track_(track), next_(track.open()) {}
  /// At most `count` samples; none at the end. Throws EvaluationError for other shapes.
  BssPiece read(std::int64_t count) {
    throw_if_interrupted();
    count = std::min(count, track_.samples - position_);
    if (count == 0) return {};
    const BssPiece piece = next_(count);
    position_ += count;
    check(piece.references, track_, count, "references");
    check(piece.estimates, track_, count, "estimates");
    return {piece.references.to(torch::kCPU, torch::kFloat64),
            piece.estimates.to(torch::kCPU, torch::kFloat64)};
  }

 private:
  const BssTrack& track_;
  std::function<BssPiece(std::int64_t)> next_;
  std::int64_t position_ = 0;
};

/// Windows one after the other.
class Windows {
 public:
  Windows(const BssTrack& track, const Framing& framing) : stream_(track), framing_(framing) {}
  BssPiece next() {
    const std::int64_t start = framing_.start(frame_++);
    while (first_ + length() < start + framing_.window) append(stream_.read(kPiece));
    drop(start - first_);
    return {held_.references.narrow(2, 0, framing_.window), held_.estimates.narrow(2, 0, framing_.window)};
  }

 private:
  [[nodiscard]] std::int64_t length() const {
    return held_.references.defined() ? held_.references.size(2) : 0;
  }
  void append(const BssPiece& piece) {
    if (length() == 0) {
      held_ = piece;
    } else {
      held_ = {torch::cat({held_.references, piece.references}, 2),
               torch::cat({held_.estimates, piece.estimates}, 2)};
    }
  }
  void drop(std::int64_t count) {
    const std::int64_t rest = length() - count;
    held_ = {held_.references.narrow(2, count, rest), held_.estimates.narrow(2, count, rest)};
    first_ += count;
  }

  Stream stream_;
  const Framing& framing_;
  std::int64_t frame_ = 0;
  std::int64_t first_ = 0;
  BssPiece held_;
};

BssFilters filters_of(const BssTrack& track, const BssOptions& options) {
  BssCorrelations correlations(track.sources, track.channels, options.taps);
  Stream stream(track);
  for (BssPiece piece = stream.read(kPiece); piece.references.defined(); piece = stream.read(kPiece)) {
    check_finite(piece.references, "references");
    check_finite(piece.estimates, "estimates");
    correlations.add(piece.references, piece.estimates);
  }
  return correlations.filters();
}

/// `count` windows, each on a thread of its own.
std::vector<std::vector<BssMetrics>> frames_at_once(const BssFrames& frames,
                                                    const std::vector<BssPiece>& windows) {
  std::vector<std::vector<BssMetrics>> figures(windows.size());
  at::parallel_for(0, static_cast<std::int64_t>(windows.size()), 1,
                   [&](std::int64_t begin, std::int64_t end) {
                     for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
                       figures[i] = frames.frame(windows[i].references, windows[i].estimates);
                   });
  return figures;
}

double median_of(const std::vector<BssMetrics>& frames, double BssMetrics::*figure) {
  std::vector<double> values;
  for (const auto& frame : frames) {
    if (!std::isnan(frame.*figure)) values.push_back(std::clamp(frame.*figure, -kFigureLimit, kFigureLimit));
  }
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

}  // namespace

BssResult bss_eval(const BssTrack& track, const BssOptions& options) {
  const torch::NoGradGuard no_gradient;
  const Framing framing(track, options);
  const BssFilters filters = filters_of(track, options);
  const auto sources = static_cast<std::size_t>(track.sources);
  BssResult result{std::vector<std::vector<BssMetrics>>(sources), std::vector<bool>(sources, true)};
  if (filters.measured.empty()) return result;
  for (const std::int64_t source : filters.measured) result.silent[static_cast<std::size_t>(source)] = false;
  const BssFrames frames(filters, track.channels, framing.window);
  Windows windows(track, framing);
  for (std::int64_t frame = 0; frame < framing.frames;) {
    std::vector<BssPiece> some;
    for (; frame < framing.frames && static_cast<int>(some.size()) < at::get_num_threads(); ++frame)
      some.push_back(windows.next());
    for (const auto& figures : frames_at_once(frames, some)) {
      for (std::size_t i = 0; i < figures.size(); ++i)
        result.frames[static_cast<std::size_t>(filters.measured[i])].push_back(figures[i]);
    }
  }
  return result;
}

BssResult bss_eval(const torch::Tensor& references, const torch::Tensor& estimates, int sample_rate,
                   const BssOptions& options) {
  if (references.dim() != 3 || references.sizes() != estimates.sizes()) {
    fail<EvaluationError>(
        "BSS Eval: expected references and estimates [source, channel, sample] of one shape, found {} and {}",
        c10::str(references.sizes()), c10::str(estimates.sizes()));
  }
  const BssTrack track{
      references.size(0), references.size(1), references.size(2), sample_rate, [&] {
        return [&, position = std::int64_t{0}](std::int64_t count) mutable {
          BssPiece piece{references.narrow(2, position, count), estimates.narrow(2, position, count)};
          position += count;
          return piece;
        };
      }};
  return bss_eval(track, options);
}

BssMetrics median(const std::vector<BssMetrics>& frames) {
  return {median_of(frames, &BssMetrics::sdr), median_of(frames, &BssMetrics::isr),
          median_of(frames, &BssMetrics::sir), median_of(frames, &BssMetrics::sar)};
}

}  // namespace partita::evaluation
