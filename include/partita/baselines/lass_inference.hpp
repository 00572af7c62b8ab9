#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "partita/baselines/baseline.hpp"
#include "partita/io/safetensors.hpp"

// The inference rule of latent autoregressive source separation (LASS, Postolache et al. 2023): codes of two
// sources are drawn one after another from the product of their priors and of the likelihood that such a pair
// sounds together as the mixture's code.

namespace partita::baselines {

/// log P(code of a sum | codes of its two parts), from counted sums: how often parts coded `first` and
/// `second` gave a sum coded `sum`, over how often they met. A sparse table: of codebook³ triples few ever
/// occur, and those that never did are impossible, as in the reference.
class SumLikelihood {
 public:
  /// Of a codebook with so many codes, 1 to 65,536; nothing counted yet.
  explicit SumLikelihood(std::int64_t codes);

  /// Counts codes of parts and of what they are together, int64 of one shape. Throws BaselineError for other
  /// tensors and for codes that the codebook does not have.
  void count(const torch::Tensor& first, const torch::Tensor& second, const torch::Tensor& sum);

  /// Pairs of codes `[pair]` that gave a sum, with its log-likelihood under each.
  struct Pairs {
    torch::Tensor first, second, log_likelihood;
  };
  /// The pairs behind a sum's code; none where it was never counted. Throws BaselineError for no code.
  [[nodiscard]] Pairs pairs(std::int64_t sum) const;
  [[nodiscard]] std::int64_t codes() const { return codes_; }

  /// "triples" `[n]`, increasing (sum · codes + first) · codes + second, and "counts" `[n]`, int64.
  [[nodiscard]] io::TensorMap state() const;
  /// Throws BaselineError for what `state` cannot have written.
  void load(const io::TensorMap& state);

 private:
  [[nodiscard]] torch::Tensor pair_of(const torch::Tensor& triples) const;

  std::int64_t codes_;
  torch::Tensor triples_, counts_;
  torch::Tensor met_;  ///< how often each pair was counted, `[codes²]`
};

struct LassSampling {
  std::int64_t candidates = 16;    ///< pairs of sequences drawn, of which the best is kept
  double temperature = 1.0;        ///< of the priors
  std::int64_t top_k = 0;          ///< only the so many likeliest pairs of codes are drawn; 0: all
  double likelihood_weight = 3.0;  ///< of the likelihood's logarithm; 3 in the reference
};

/// The next code of an autoregressive prior: codes so far `[row, position]`, position 0, 1, 2 ... from call
/// to call, to log-probabilities `[row, code]`.
using NextCode = std::function<torch::Tensor(const torch::Tensor& so_far)>;

/// What may come next: pairs of codes `[pair]` with the logarithm of their unnormalised posterior
/// `[row, pair]`, that is first prior · second prior · likelihood with the weights of `options`.
struct NextPairs {
  torch::Tensor first, second, log_posterior;
};
/// From log-probabilities `[row, code]` of both priors. Where the mixture's code was never counted the priors
/// alone decide. Throws BaselineError for options out of range.
[[nodiscard]] NextPairs next_pairs(const torch::Tensor& first, const torch::Tensor& second,
                                   const SumLikelihood& likelihood, std::int64_t mixture,
                                   const LassSampling& options);

struct PairSamples {
  torch::Tensor codes;         ///< `[source, window, candidate, position]`
  torch::Tensor log_evidence;  ///< `[window, candidate]`: sum of log P(mixture's code | what was drawn so
                               ///< far); drawn samples weighted by exp of it are of the exact posterior
};

/// Candidates for the codes of both sources under the mixture's codes `[window, position]`, by ancestral
/// sampling. Rows of the priors are windows × candidates. Window i draws from `generators[i]` alone. Throws
/// BaselineError for impossible arguments, Interrupted between positions.
[[nodiscard]] PairSamples sample_pairs(const std::array<NextCode, 2>& priors, const SumLikelihood& likelihood,
                                       const torch::Tensor& mixture, const LassSampling& options,
                                       std::vector<torch::Generator> generators);

}  // namespace partita::baselines
