#include "adversary.hpp"

#include <torch/nn.h>

#include <array>

namespace partita::training {
namespace {

constexpr std::array<std::int64_t, 3> kWindows{1024, 512, 256};
constexpr double kTinyPower = 1e-16;      // keeps the gradient of a magnitude finite
constexpr double kLeastMagnitude = 1e-2;  // of an STFT bin; below, compression ends
constexpr double kTinyFeature = 1e-6;

/// Real and imaginary parts of X / √|X|: `[batch, 2, bin, frame]`.
torch::Tensor picture(const torch::Tensor& samples, const audio::Stft& stft) {
  const torch::Tensor parts = torch::view_as_real(stft.forward(samples));
  const torch::Tensor magnitude = (parts.square().sum(-1, true) + kTinyPower).sqrt();
  return (parts / (magnitude + kLeastMagnitude).sqrt()).permute({0, 3, 1, 2}).contiguous();
}

/// Parameters that gradients do not reach, for a scope.
class Frozen {
 public:
  explicit Frozen(torch::nn::Module& module) : parameters_(module.parameters()) { set(false); }
  ~Frozen() { set(true); }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;

 private:
  void set(bool on) {
    for (torch::Tensor& parameter : parameters_) parameter.set_requires_grad(on);
  }
  std::vector<torch::Tensor> parameters_;
};

}  // namespace

AdversaryImpl::AdversaryImpl(const AdversaryOptions& options) : options_(options) {
  torch::nn::ModuleList list = register_module("discriminators", torch::nn::ModuleList());
  for (std::size_t i = 0; i < kWindows.size(); ++i) {
    discriminators_.emplace_back(2, options.channels, options.layers);
    list->push_back(discriminators_.back());
  }
}

std::vector<AdversaryImpl::Verdict> AdversaryImpl::judge(const torch::Tensor& samples) {
  if (stfts_.empty()) {
    for (const std::int64_t window : kWindows)
      stfts_.emplace_back(audio::StftOptions{window, window / 4}, samples.device());
  }
  std::vector<Verdict> verdicts;
  for (std::size_t i = 0; i < kWindows.size(); ++i)
    verdicts.push_back(discriminators_[i]->forward(picture(samples, stfts_[i])));
  return verdicts;
}

torch::Tensor AdversaryImpl::deception(const torch::Tensor& made, const torch::Tensor& truth) {
  const Frozen frozen(*this);
  const std::vector<Verdict> of_made = judge(made);
  const std::vector<Verdict> of_truth = judge(truth);
  torch::Tensor hinge = torch::zeros({}, made.options()), distance = torch::zeros({}, made.options());
  for (std::size_t i = 0; i < of_made.size(); ++i) {
    hinge = hinge + torch::relu(1.0 - of_made[i].score).mean();
    for (std::size_t layer = 0; layer < of_made[i].features.size(); ++layer) {
      const torch::Tensor& expected = of_truth[i].features[layer];
      const torch::Tensor apart = (of_made[i].features[layer] - expected).abs().mean({1, 2, 3});
      distance = distance + (apart / (expected.abs().mean({1, 2, 3}) + kTinyFeature)).mean();
    }
  }
  const auto pictures = static_cast<double>(of_made.size());
  return hinge * (options_.weight / pictures) +
         distance * (options_.feature_weight / (pictures * static_cast<double>(options_.layers)));
}

torch::Tensor AdversaryImpl::detection(const torch::Tensor& made, const torch::Tensor& truth) {
  const std::vector<Verdict> of_made = judge(made.detach());
  const std::vector<Verdict> of_truth = judge(truth);
  torch::Tensor hinge = torch::zeros({}, made.options());
  for (std::size_t i = 0; i < of_made.size(); ++i)
    hinge = hinge + torch::relu(1.0 + of_made[i].score).mean() + torch::relu(1.0 - of_truth[i].score).mean();
  return hinge / static_cast<double>(of_made.size());
}

}  // namespace partita::training
