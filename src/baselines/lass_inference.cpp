#include "partita/baselines/lass_inference.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "partita/base/interrupt.hpp"

namespace partita::baselines {
namespace {

constexpr std::int64_t kMostCodes = 65536;  // so that three of them fit one number

void check_codes(const torch::Tensor& codes, std::int64_t size, const char* what) {
  if (!codes.defined() || codes.scalar_type() != torch::kLong || codes.numel() == 0) {
    fail<BaselineError>("lass: {}: expected codes, int64 and at least one", what);
  }
  const auto low = codes.min().item<std::int64_t>(), high = codes.max().item<std::int64_t>();
  if (low < 0 || high >= size)
    fail<BaselineError>("lass: {}: expected codes of 0 to {}, found {} to {}", what, size - 1, low, high);
}

void check(const LassSampling& options) {
  if (options.candidates < 1)
    fail<BaselineError>("lass: candidates: expected at least 1, found {}", options.candidates);
  if (!(options.temperature > 0.0))
    fail<BaselineError>("lass: temperature: expected more than 0, found {}", options.temperature);
  if (options.top_k < 0)
    fail<BaselineError>("lass: top_k: expected 0 (all) or more, found {}", options.top_k);
  if (!(options.likelihood_weight >= 0.0)) {
    fail<BaselineError>("lass: likelihood_weight: expected 0 or more, found {}", options.likelihood_weight);
  }
}

torch::Tensor warmed(const torch::Tensor& log_probabilities, double temperature) {
  return temperature == 1.0 ? log_probabilities : (log_probabilities / temperature).log_softmax(1);
}

/// All but the k largest of each row made impossible.
torch::Tensor largest(const torch::Tensor& values, std::int64_t k) {
  if (k == 0 || k >= values.size(1)) return values;
  const torch::Tensor least = std::get<0>(values.topk(k, 1)).narrow(1, k - 1, 1);
  return values.masked_fill(values < least, -std::numeric_limits<double>::infinity());
}

/// One of the pairs for each row, drawn; the row's evidence.
struct Drawn {
  torch::Tensor first, second, evidence;
};

Drawn drawn_of(const NextPairs& next, torch::Generator generator) {
  const torch::Tensor probabilities = next.log_posterior.softmax(1);
  const torch::Tensor chosen = torch::multinomial(probabilities, 1, false, std::move(generator)).squeeze(1);
  return {next.first.index_select(0, chosen), next.second.index_select(0, chosen),
          next.log_posterior.logsumexp(1)};
}

}  // namespace

SumLikelihood::SumLikelihood(std::int64_t codes)
    : codes_(codes), triples_(torch::empty({0}, torch::kLong)), counts_(torch::empty({0}, torch::kLong)) {
  if (codes < 1 || codes > kMostCodes)
    fail<BaselineError>("lass: expected a codebook of 1 to {} codes, found {}", kMostCodes, codes);
  met_ = torch::zeros({codes * codes}, torch::kLong);
}

/// first · codes + second of triples.
torch::Tensor SumLikelihood::pair_of(const torch::Tensor& triples) const {
  return triples.remainder(codes_ * codes_);
}

void SumLikelihood::count(const torch::Tensor& first, const torch::Tensor& second, const torch::Tensor& sum) {
  check_codes(first, codes_, "first part");
  check_codes(second, codes_, "second part");
  check_codes(sum, codes_, "sum");
  if (first.sizes() != second.sizes() || first.sizes() != sum.sizes()) {
    fail<BaselineError>("lass: expected parts and sums of one shape, found {}, {} and {}",
                        c10::str(first.sizes()), c10::str(second.sizes()), c10::str(sum.sizes()));
  }
  const torch::Tensor found = ((sum * codes_ + first) * codes_ + second).flatten().to(torch::kCPU);
  const auto [all, place, unused] = torch::_unique2(torch::cat({triples_, found}), true, true);
  const torch::Tensor counts = torch::cat({counts_, torch::ones_like(found)});
  triples_ = all;
  counts_ = torch::zeros_like(all).index_add(0, place, counts);
  met_.index_add_(0, pair_of(found), torch::ones_like(found));
}

SumLikelihood::Pairs SumLikelihood::pairs(std::int64_t sum) const {
  if (sum < 0 || sum >= codes_)
    fail<BaselineError>("lass: expected a code of 0 to {}, found {}", codes_ - 1, sum);
  const std::int64_t* begin = triples_.data_ptr<std::int64_t>();
  const std::int64_t* end = begin + triples_.numel();
  const std::int64_t all = codes_ * codes_;
  const std::int64_t first = std::lower_bound(begin, end, sum * all) - begin;
  const std::int64_t last = std::lower_bound(begin, end, (sum + 1) * all) - begin;
  const torch::Tensor pair = pair_of(triples_.slice(0, first, last));
  const torch::Tensor ratio =
      counts_.slice(0, first, last).to(torch::kFloat64) / met_.index_select(0, pair).to(torch::kFloat64);
  return {pair.floor_divide(codes_), pair.remainder(codes_), ratio.log().to(torch::kFloat32)};
}

io::TensorMap SumLikelihood::state() const { return {{"counts", counts_}, {"triples", triples_}}; }

void SumLikelihood::load(const io::TensorMap& state) {
  const auto triples = state.find("triples"), counts = state.find("counts");
  if (state.size() != 2 || triples == state.end() || counts == state.end() ||
      triples->second.scalar_type() != torch::kLong || counts->second.scalar_type() != torch::kLong ||
      triples->second.dim() != 1 || counts->second.sizes() != triples->second.sizes() ||
      triples->second.numel() == 0) {
    fail<BaselineError>("lass: sums: expected int64 'triples' and 'counts' [n] and nothing else");
  }
  const torch::Tensor found = triples->second.clone(), often = counts->second.clone();
  if (found[0].item<std::int64_t>() < 0 || found[-1].item<std::int64_t>() >= codes_ * codes_ * codes_ ||
      (found.slice(0, 1) <= found.slice(0, 0, -1)).any().item<bool>() || (often < 1).any().item<bool>()) {
    fail<BaselineError>(
        "lass: sums: expected increasing triples of {} codes, each counted; the file is damaged", codes_);
  }
  triples_ = found;
  counts_ = often;
  met_ = torch::zeros_like(met_).index_add(0, pair_of(found), often);
}

NextPairs next_pairs(const torch::Tensor& first, const torch::Tensor& second, const SumLikelihood& likelihood,
                     std::int64_t mixture, const LassSampling& options) {
  check(options);
  const torch::Tensor a = warmed(first, options.temperature), b = warmed(second, options.temperature);
  const SumLikelihood::Pairs pairs = likelihood.pairs(mixture);
  if (pairs.first.numel() == 0) {
    const torch::Tensor every = torch::arange(likelihood.codes() * likelihood.codes(), torch::kLong);
    return {every.floor_divide(likelihood.codes()), every.remainder(likelihood.codes()),
            largest((a.unsqueeze(2) + b.unsqueeze(1)).flatten(1), options.top_k)};
  }
  const torch::Tensor posterior = a.index_select(1, pairs.first) + b.index_select(1, pairs.second) +
                                  options.likelihood_weight * pairs.log_likelihood;
  return {pairs.first, pairs.second, largest(posterior, options.top_k)};
}

PairSamples sample_pairs(const std::array<NextCode, 2>& priors, const SumLikelihood& likelihood,
                         const torch::Tensor& mixture, const LassSampling& options,
                         std::vector<torch::Generator> generators) {
  check(options);
  check_codes(mixture, likelihood.codes(), "mixture");
  if (mixture.dim() != 2 || static_cast<std::int64_t>(generators.size()) != mixture.size(0)) {
    fail<BaselineError>("lass: expected codes [window, position] and a generator a window, found {} and {}",
                        c10::str(mixture.sizes()), generators.size());
  }
  const torch::NoGradGuard no_grad;
  const std::int64_t windows = mixture.size(0), positions = mixture.size(1), rows = options.candidates;
  torch::Tensor codes = torch::zeros({2, windows * rows, positions}, torch::kLong);
  torch::Tensor evidence = torch::zeros({windows, rows});
  for (std::int64_t position = 0; position < positions; ++position) {
    throw_if_interrupted();
    std::array<torch::Tensor, 2> log_probabilities;
    for (std::size_t source = 0; source < 2; ++source) {
      const torch::Tensor so_far = codes[static_cast<std::int64_t>(source)].narrow(1, 0, position);
      log_probabilities[source] = priors[source](so_far).to(torch::kCPU);
      if (log_probabilities[source].isnan().any().item<bool>())
        fail<BaselineError>("lass: prior {} gives NaN: its weights are damaged", source);
    }
    for (std::int64_t window = 0; window < windows; ++window) {
      const auto own = [&](const torch::Tensor& all) { return all.narrow(0, window * rows, rows); };
      const NextPairs next = next_pairs(own(log_probabilities[0]), own(log_probabilities[1]), likelihood,
                                        mixture[window][position].item<std::int64_t>(), options);
      const Drawn drawn = drawn_of(next, generators[static_cast<std::size_t>(window)]);
      own(codes[0]).select(1, position).copy_(drawn.first);
      own(codes[1]).select(1, position).copy_(drawn.second);
      evidence[window] += drawn.evidence;
    }
  }
  return {codes.view({2, windows, rows, positions}), evidence};
}

}  // namespace partita::baselines
