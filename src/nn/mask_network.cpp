#include "partita/nn/mask_network.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "blocks.hpp"
#include "plane_unet.hpp"

namespace partita::nn {
namespace {

void check_options(const MaskNetworkOptions& options) {
  if (options.in_dim < 1 || options.n_comp < 1) {
    fail<NetworkError>("mask network: in_dim is {} and n_comp {}, expected at least 1", options.in_dim,
                       options.n_comp);
  }
  if (std::any_of(options.widths.begin(), options.widths.end(),
                  [](std::int64_t width) { return width < 1 || width % kMaskGroups != 0; })) {
    fail<NetworkError>("mask network: widths are [{}], expected positive multiples of {}",
                       fmt::join(options.widths, ", "), kMaskGroups);
  }
  if (options.channels < 1 || options.channels % kMaskGroups != 0) {
    fail<NetworkError>("mask network: channels is {}, expected a positive multiple of {}", options.channels,
                       kMaskGroups);
  }
  if (options.kernel < 1 || options.kernel % 2 == 0) {
    fail<NetworkError>("mask network: kernel is {}, expected a positive odd number", options.kernel);
  }
  if (options.dilations.empty() ||
      *std::min_element(options.dilations.begin(), options.dilations.end()) < 1) {
    fail<NetworkError>("mask network: dilations are [{}], expected numbers of at least 1",
                       fmt::join(options.dilations, ", "));
  }
}

}  // namespace

/// x + pointwise(silu(norm(dilated(silu(norm(x)))))).
class DilatedBlockImpl : public torch::nn::Module {
 public:
  DilatedBlockImpl(std::int64_t channels, std::int64_t kernel, std::int64_t dilation) {
    norm_ = register_module("norm", GroupNorm(kMaskGroups, channels));
    const auto options = torch::nn::Conv1dOptions(channels, channels, kernel)
                             .dilation(dilation)
                             .padding(dilation * (kernel / 2));
    dilated_ = register_module("dilated", torch::nn::Conv1d(options));
    inner_norm_ = register_module("inner_norm", GroupNorm(kMaskGroups, channels));
    pointwise_ = register_module("pointwise", SameConv(channels, channels, 1, true));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor h = dilated_->forward(torch::silu(norm_->forward(x)));
    return x + pointwise_->forward(torch::silu(inner_norm_->forward(h)));
  }

 private:
  GroupNorm norm_{nullptr}, inner_norm_{nullptr};
  torch::nn::Conv1d dilated_{nullptr};
  SameConv pointwise_{nullptr};
};

MaskNetworkImpl::MaskNetworkImpl(MaskNetworkOptions options) : options_(std::move(options)) {
  check_options(options_);
  if (options_.widths.empty()) {
    build_stack();
  } else {
    unet_ = register_module("unet", PlaneUNet(options_.widths, options_.n_comp));
  }
}

void MaskNetworkImpl::build_stack() {
  in_ = register_module("in", SameConv(options_.in_dim, options_.channels, 3, true));
  torch::nn::ModuleList blocks = register_module("blocks", torch::nn::ModuleList());
  for (const std::int64_t dilation : options_.dilations) {
    blocks_.push_back(std::make_shared<DilatedBlockImpl>(options_.channels, options_.kernel, dilation));
    blocks->push_back(blocks_.back());
  }
  out_ = register_module("out", SameConv(options_.channels, options_.n_comp * options_.in_dim, 3, true));
}

torch::Tensor MaskNetworkImpl::stack(const torch::Tensor& x) {
  torch::Tensor h = in_->forward(x);
  for (const auto& block : blocks_) h = block->forward(h);
  return out_->forward(h).view({x.size(0), options_.n_comp, options_.in_dim, x.size(2)});
}

torch::Tensor MaskNetworkImpl::forward(const torch::Tensor& x) {
  if (!x.defined() || x.dim() != 3 || x.size(1) != options_.in_dim || x.size(2) == 0) {
    fail<NetworkError>("mask network: x is {}, expected [batch, {}, frames]",
                       x.defined() ? fmt::format("[{}]", fmt::join(x.sizes(), ", ")) : "undefined",
                       options_.in_dim);
  }
  return (unet_ ? unet_->forward(x) : stack(x)).softmax(1);
}

}  // namespace partita::nn
