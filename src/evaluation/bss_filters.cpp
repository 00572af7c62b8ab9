#include "bss_filters.hpp"

#include <ATen/Parallel.h>
#include <torch/fft.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "bss_frames.hpp"
#include "partita/evaluation/si_metrics.hpp"

namespace partita::evaluation {
namespace {

constexpr std::int64_t kSmallestFft = 4096;
constexpr std::int64_t kBlocksAtOnce = 16;  // a thread
constexpr int kRidges = 6;
constexpr double kFirstRidge = 1e-14;  // of the mean energy

/// Channels of sources as indices of rows.
torch::Tensor row_indices(const std::vector<std::int64_t>& sources, std::int64_t channels,
                          std::int64_t first) {
  std::vector<std::int64_t> rows;
  for (const std::int64_t source : sources) {
    for (std::int64_t channel = 0; channel < channels; ++channel)
      rows.push_back(first + source * channels + channel);
  }
  return torch::tensor(rows, torch::kLong);
}

/// Inner products of delayed rows from their correlations `[row, row, 2 · taps − 1]` at lags from 1 − taps to
/// taps − 1: ⟨a delayed by p, b delayed by q⟩ is the correlation at p − q. `[row · tap, row · tap]`.
torch::Tensor gram(const torch::Tensor& lags, std::int64_t taps) {
  const std::int64_t rows = lags.size(0);
  torch::Tensor result = torch::empty({rows, taps, rows, taps}, lags.options());
  const torch::Tensor reversed = lags.flip({2});
  for (std::int64_t row = 0; row < rows; ++row) {
    result[row].copy_(reversed[row].unfold(1, taps, 1).flip({1}).transpose(0, 1));
  }
  return result.view({rows * taps, rows * taps});
}

/// G⁻¹ D by Cholesky. References that are nearly linear combinations of each other (one sound on both
/// channels) leave G singular to rounding: then a trace of their energy is added to its diagonal, the least
/// that does.
torch::Tensor solve_positive(torch::Tensor matrix, const torch::Tensor& right) {
  torch::Tensor diagonal = matrix.diagonal();
  const double energy = diagonal.mean().item<double>();
  double ridge = std::numeric_limits<double>::epsilon();  // museval's
  for (int i = 0; i < kRidges; ++i) {
    diagonal.add_(ridge);
    const auto [factor, info] = torch::linalg_cholesky_ex(matrix);
    if (info.item<int>() == 0) return torch::cholesky_solve(right, factor);
    ridge = kFirstRidge * std::pow(10.0, i) * energy;
  }
  fail<EvaluationError>(
      "BSS Eval: the correlations of the references cannot be solved; are the signals sound?");
}

/// Takes back the silence of those sources that are heard now.
void listen(const torch::Tensor& signals, std::vector<bool>& silent) {
  for (std::size_t i = 0; i < silent.size(); ++i) {
    silent[i] = silent[i] && signals[static_cast<std::int64_t>(i)].sum(0).eq(0.0).all().item<bool>();
  }
}

}  // namespace

torch::Tensor rows_of(const torch::Tensor& signals) { return signals.reshape({-1, signals.size(2)}); }

BssCorrelations::BssCorrelations(std::int64_t sources, std::int64_t channels, std::int64_t taps)
    : sources_(sources), channels_(channels), taps_(taps) {
  size_ = fast_fft_size(std::max(kSmallestFft, 8 * taps));
  block_ = size_ - 2 * (taps - 1);
  const std::int64_t rows = sources * channels;
  waiting_ = torch::zeros({2 * rows, taps - 1}, torch::kFloat64);
  for (int i = 0; i < at::get_num_threads(); ++i)
    spectra_.push_back(torch::zeros({size_ / 2 + 1, rows, 2 * rows}, torch::kComplexDouble));
  silent_references_.assign(static_cast<std::size_t>(sources), true);
  silent_estimates_ = silent_references_;
}

void BssCorrelations::add(const torch::Tensor& references, const torch::Tensor& estimates) {
  listen(references, silent_references_);
  listen(estimates, silent_estimates_);
  waiting_ = torch::cat({waiting_, torch::cat({rows_of(references), rows_of(estimates)})}, 1);
  // Each block is correlated with as much again on both sides as there are lags.
  const auto most = kBlocksAtOnce * static_cast<std::int64_t>(spectra_.size());
  while (waiting_.size(1) >= size_) add_blocks(std::min((waiting_.size(1) - size_) / block_ + 1, most));
}

void BssCorrelations::add_blocks(std::int64_t blocks) {
  const auto threads = static_cast<std::int64_t>(spectra_.size());
  at::parallel_for(0, threads, 1, [&](std::int64_t begin, std::int64_t end) {
    const torch::NoGradGuard no_gradient;
    for (std::int64_t thread = begin; thread < end; ++thread) {
      const std::int64_t first = thread * blocks / threads;
      const std::int64_t count = (thread + 1) * blocks / threads - first;
      if (count > 0) add_spectra(spectra_[static_cast<std::size_t>(thread)], first, count);
    }
  });
  const std::int64_t used = blocks * block_;
  waiting_ = waiting_.narrow(1, used, waiting_.size(1) - used).clone();
}

void BssCorrelations::add_spectra(torch::Tensor& sum, std::int64_t first, std::int64_t count) const {
  const torch::Tensor wide = waiting_.unfold(1, size_, block_).narrow(1, first, count);
  const torch::Tensor core = wide.narrow(0, 0, sources_ * channels_).narrow(2, taps_ - 1, block_);
  const torch::Tensor around = torch::fft_rfft(wide).permute({2, 1, 0}).contiguous();
  const torch::Tensor within =
      torch::fft_rfft(core, size_).permute({2, 0, 1}).conj().resolve_conj().contiguous();
  sum.baddbmm_(within, around);
}

BssFilters BssCorrelations::filters() {
  const std::int64_t rest = waiting_.size(1) - (taps_ - 1);
  if (rest > 0) {
    const std::int64_t blocks = (rest + block_ - 1) / block_;
    waiting_ = torch::constant_pad_nd(waiting_, {0, blocks * block_ - rest + taps_ - 1});
    add_blocks(blocks);
  }
  BssFilters filters;
  for (std::int64_t source = 0; source < sources_; ++source) {
    if (silent_references_[static_cast<std::size_t>(source)]) continue;
    filters.heard.push_back(source);
    if (!silent_estimates_[static_cast<std::size_t>(source)]) filters.measured.push_back(source);
  }
  if (filters.measured.empty()) return filters;
  torch::Tensor spectra = spectra_.front();
  for (std::size_t i = 1; i < spectra_.size(); ++i) spectra.add_(spectra_[i]);
  const torch::Tensor lags =
      torch::fft_irfft(spectra.permute({1, 2, 0}), size_).narrow(2, 0, 2 * taps_ - 1).contiguous();
  filters.all = solve(lags, filters.heard, filters.measured);
  std::vector<torch::Tensor> own;
  for (const std::int64_t source : filters.measured) own.push_back(solve(lags, {source}, {source}));
  filters.own = torch::stack(own);
  return filters;
}

torch::Tensor BssCorrelations::solve(const torch::Tensor& lags, const std::vector<std::int64_t>& sources,
                                     const std::vector<std::int64_t>& estimates) const {
  const torch::Tensor references = row_indices(sources, channels_, 0);
  const torch::Tensor targets = row_indices(estimates, channels_, sources_ * channels_);
  const torch::Tensor rows = lags.index_select(0, references);
  const std::int64_t count = references.size(0);
  // ⟨a delayed by p, estimate⟩: lags from 0 on.
  const torch::Tensor right = rows.index_select(1, targets).narrow(2, taps_ - 1, taps_).transpose(1, 2);
  const torch::Tensor solution =
      solve_positive(gram(rows.index_select(1, references), taps_), right.reshape({count * taps_, -1}));
  return solution.view({count, taps_, -1}).permute({2, 0, 1}).contiguous();
}

}  // namespace partita::evaluation
