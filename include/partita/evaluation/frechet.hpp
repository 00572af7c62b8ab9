#pragma once

#include <torch/types.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "partita/evaluation/si_metrics.hpp"
#include "partita/evaluation/statistics.hpp"

namespace partita::evaluation {

/// A Gaussian fitted to frames of an embedding, float64.
struct Gaussian {
  torch::Tensor mean;        ///< `[dim]`
  torch::Tensor covariance;  ///< `[dim, dim]`, divided by frames − 1
  double frames = 0.0;
};

/// Mean and covariance of frames that come piece by piece, in float64 and in memory that does not grow with
/// them (Chan, Golub and LeVeque 1983).
class Moments {
 public:
  /// Frames `[frame, dim]`. Throws EvaluationError for another shape and for NaN or infinite values.
  void add(const torch::Tensor& frames);
  /// All frames of `other`, each `weight` times.
  void add(const Moments& other, double weight = 1.0);
  [[nodiscard]] double frames() const { return frames_; }
  /// Throws EvaluationError below two frames.
  [[nodiscard]] Gaussian gaussian() const;

 private:
  double frames_ = 0.0;
  torch::Tensor mean_;     ///< `[dim]`
  torch::Tensor scatter_;  ///< `[dim, dim]`, about the mean
};

/// Fréchet distances (squared, as FID and FAD are) of Gaussians to one reference:
/// |m₁ − m₂|² + tr(S₁ + S₂ − 2 (S₁^½ S₂ S₁^½)^½). The last trace is the sum of the singular values of A₁ᵀA₂
/// with AᵢAᵢᵀ = Sᵢ from the eigenvalues that stand out of rounding, so covariances need not have full rank.
class FrechetDistance {
 public:
  explicit FrechetDistance(Gaussian reference);
  /// Never negative. Throws EvaluationError for another number of dimensions.
  [[nodiscard]] double to(const Gaussian& other) const;

 private:
  Gaussian reference_;
  torch::Tensor factor_;  ///< A₁ `[dim, rank]`
};

/// FAD at an infinite number of frames: the distance, as a straight line of one over the number of frames,
/// followed to zero (Chong and Forsyth 2020; Gui et al. 2024).
struct FadInfinity {
  double value = 0.0;
  double slope = 0.0;
  double r2 = 0.0;                                      ///< of the line; 1 where all points agree
  std::vector<std::pair<std::int64_t, double>> points;  ///< frames drawn and their distance
};

/// As fadtk: 25 numbers from 500 to all frames, evenly spread, of frames `[frame, dim]` drawn with
/// replacement. Throws EvaluationError for 500 frames or fewer.
[[nodiscard]] FadInfinity fad_infinity(const FrechetDistance& reference, const torch::Tensor& frames,
                                       std::uint64_t seed);

/// A set of sounds as frames, with what a bootstrap over its sounds needs: one set of Moments a resample.
/// Memory grows with neither sounds nor frames.
class SoundMoments {
 public:
  /// `sounds`: how many will be added; `resamples`: 0 for none.
  SoundMoments(std::int64_t sounds, std::int64_t resamples, std::uint64_t seed);
  /// All frames of the next sound.
  void add(const Moments& sound);
  [[nodiscard]] const Moments& all() const { return all_; }
  /// Of the distance of all frames to `reference`, over resamples of the sounds.
  [[nodiscard]] Interval interval(const FrechetDistance& reference) const;

 private:
  torch::Tensor counts_;  ///< `[resample, sound]`
  std::int64_t added_ = 0;
  Moments all_;
  std::vector<Moments> resampled_;
};

}  // namespace partita::evaluation
