#include "partita/evaluation/frechet.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "partita/base/random.hpp"

namespace partita::evaluation {
namespace {

constexpr std::int64_t kSizes = 25;
constexpr std::int64_t kFewestFrames = 500;

/// A `[dim, rank]` with A Aᵀ = S: eigenvectors times the roots of the eigenvalues above rounding.
torch::Tensor factor_of(const torch::Tensor& covariance) {
  const auto [values, vectors] = torch::linalg_eigh(covariance, "L");
  const double rounding = static_cast<double>(covariance.size(0)) * std::numeric_limits<double>::epsilon() *
                          values.max().item<double>();
  const torch::Tensor kept = (values > rounding).nonzero().squeeze(1);
  return vectors.index_select(1, kept) * values.index_select(0, kept).sqrt();
}

double trace_of(const torch::Tensor& matrix) { return matrix.trace().item<double>(); }

void check_dimensions(std::int64_t found, std::int64_t expected) {
  if (found != expected) {
    fail<EvaluationError>("Fréchet distance: expected frames of {} dimensions as before, found {}", expected,
                          found);
  }
}

/// Least squares of y = value + slope · x.
void fit_line(const torch::Tensor& x, const torch::Tensor& y, FadInfinity& result) {
  const torch::Tensor from_x = x - x.mean();
  const torch::Tensor from_y = y - y.mean();
  result.slope = from_x.dot(from_y).item<double>() / from_x.square().sum().item<double>();
  result.value = y.mean().item<double>() - result.slope * x.mean().item<double>();
  const double total = from_y.square().sum().item<double>();
  const double rest = (from_y - result.slope * from_x).square().sum().item<double>();
  result.r2 = total > 0.0 ? 1.0 - rest / total : 1.0;
}

}  // namespace

void Moments::add(const torch::Tensor& frames) {
  if (frames.dim() != 2) {
    fail<EvaluationError>("expected frames [frame, dim] of an embedding, found {}", c10::str(frames.sizes()));
  }
  if (frames.size(0) == 0) return;
  if (!torch::isfinite(frames).all().item<bool>())
    fail<EvaluationError>("the embedding gives NaN or infinite values: its frames cannot be compared");
  const torch::Tensor precise = frames.to(torch::kCPU, torch::kFloat64);
  Moments piece;
  piece.frames_ = static_cast<double>(precise.size(0));
  piece.mean_ = precise.mean(0);
  const torch::Tensor centred = precise - piece.mean_;
  piece.scatter_ = centred.t().matmul(centred);
  add(piece);
}

void Moments::add(const Moments& other, double weight) {
  const double frames = weight * other.frames_;
  if (frames == 0.0) return;
  if (frames_ == 0.0) {
    frames_ = frames;
    mean_ = other.mean_.clone();
    scatter_ = weight * other.scatter_;
    return;
  }
  check_dimensions(other.mean_.size(0), mean_.size(0));
  const double all = frames_ + frames;
  const torch::Tensor apart = other.mean_ - mean_;
  scatter_.add_(other.scatter_, weight).addr_(apart, apart, 1.0, frames_ * frames / all);
  mean_.add_(apart, frames / all);
  frames_ = all;
}

Gaussian Moments::gaussian() const {
  if (frames_ < 2.0) {
    fail<EvaluationError>(
        "a covariance needs at least two frames of the embedding, found {:g}: give more or "
        "longer sounds",
        frames_);
  }
  return {mean_.clone(), scatter_ / (frames_ - 1.0), frames_};
}

FrechetDistance::FrechetDistance(Gaussian reference)
    : reference_(std::move(reference)), factor_(factor_of(reference_.covariance)) {}

double FrechetDistance::to(const Gaussian& other) const {
  check_dimensions(other.mean.size(0), reference_.mean.size(0));
  const torch::Tensor common = factor_.t().matmul(factor_of(other.covariance));
  const double shared = common.numel() > 0 ? torch::linalg_svdvals(common).sum().item<double>() : 0.0;
  const double means = (other.mean - reference_.mean).square().sum().item<double>();
  return std::max(0.0, means + trace_of(reference_.covariance) + trace_of(other.covariance) - 2.0 * shared);
}

FadInfinity fad_infinity(const FrechetDistance& reference, const torch::Tensor& frames, std::uint64_t seed) {
  const std::int64_t all = frames.size(0);
  if (all <= kFewestFrames) {
    fail<EvaluationError>(
        "FAD∞ needs more than {} frames of the embedding, found {}: give more or longer sounds",
        kFewestFrames, all);
  }
  FadInfinity result;
  std::vector<double> inverse, distances;
  for (std::int64_t step = 0; step < kSizes; ++step) {
    const std::int64_t count = kFewestFrames + (all - kFewestFrames) * step / (kSizes - 1);
    const torch::Tensor drawn = torch::randint(
        all, {count}, make_generator(seed, "fad-infinity", static_cast<std::uint64_t>(step)), torch::kLong);
    Moments moments;
    moments.add(frames.index_select(0, drawn));
    distances.push_back(reference.to(moments.gaussian()));
    inverse.push_back(1.0 / static_cast<double>(count));
    result.points.emplace_back(count, distances.back());
  }
  fit_line(torch::tensor(inverse, torch::kFloat64), torch::tensor(distances, torch::kFloat64), result);
  return result;
}

SoundMoments::SoundMoments(std::int64_t sounds, std::int64_t resamples, std::uint64_t seed)
    : resampled_(static_cast<std::size_t>(resamples)) {
  std::vector<torch::Tensor> rows;
  for (std::int64_t i = 0; i < resamples; ++i) rows.push_back(bootstrap_counts(sounds, i, seed));
  if (!rows.empty()) counts_ = torch::stack(rows);
}

void SoundMoments::add(const Moments& sound) {
  all_.add(sound);
  for (std::size_t i = 0; i < resampled_.size(); ++i) {
    resampled_[i].add(sound, counts_[static_cast<std::int64_t>(i)][added_].item<double>());
  }
  ++added_;
}

Interval SoundMoments::interval(const FrechetDistance& reference) const {
  std::vector<double> distances;
  for (const auto& moments : resampled_) {
    if (moments.frames() >= 2.0) distances.push_back(reference.to(moments.gaussian()));
  }
  Interval result = bootstrap_interval(reference.to(all_.gaussian()), distances);
  result.low = std::max(0.0, result.low);
  return result;
}

}  // namespace partita::evaluation
