#pragma once

#include <torch/types.h>

#include <cstdint>

#include "partita/baselines/baseline.hpp"

namespace partita::baselines {

/// Non-negative matrix factorisation (Lee & Seung 1999), its templates clustered by timbre (Spiertz & Gnann
/// 2009), with the defaults of nussl's NMF_MFCC.
struct NmfOptions {
  std::int64_t templates = 50;
  std::int64_t iterations = 50;
  std::int64_t first_coefficient = 1;  ///< of the MFCCs that tell timbres apart
  std::int64_t end_coefficient = 14;
};

/// A matrix `[frame, bin]` as activations `[frame, template]` times templates `[template, bin]`.
struct Factors {
  torch::Tensor activations, templates;
};

/// Initial factors as scikit-learn's init="random": normal deviates' sizes, times the root of the matrix's
/// mean over the number of templates.
[[nodiscard]] Factors random_factors(const torch::Tensor& matrix, std::int64_t templates, std::uint64_t seed);

/// Factors that come closer to the matrix in the sense of least squares, by multiplicative updates
/// (scikit-learn's NMF with solver="mu"). Throws Interrupted between iterations and BaselineError for
/// factors that do not fit.
[[nodiscard]] Factors nmf(const torch::Tensor& matrix, Factors factors, std::int64_t iterations);

/// Mel-frequency cepstral coefficients `[template, coefficient]` of templates of magnitudes (librosa's
/// mfcc(S=power_to_db(melspectrogram(S=templates²)))), each template scaled to a peak of one before.
[[nodiscard]] torch::Tensor template_mfccs(const torch::Tensor& templates, int sample_rate,
                                           std::int64_t coefficients);

/// Which of two clusters each row of points `[point, feature]` belongs to, `[point]`: k-means, the best of
/// ten starts by k-means++.
[[nodiscard]] torch::Tensor two_clusters(const torch::Tensor& points, std::uint64_t seed);

/// The share of the drums in the product of factors, `[frame, bin]` from 0 to 1: templates part into two
/// clusters of timbre, and what the one with the lower spectral centroid makes is the bass.
[[nodiscard]] torch::Tensor drums_share(const Factors& factors, int sample_rate, std::uint64_t seed,
                                        const NmfOptions& options = {});

/// Soft masks from the shares of the clusters, channels factorised together.
[[nodiscard]] Baseline nmf(const NmfOptions& options = {});

}  // namespace partita::baselines
