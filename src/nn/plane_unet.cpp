#include "plane_unet.hpp"

#include "partita/base/rounding.hpp"

namespace partita::nn {
namespace {

constexpr std::int64_t kMiddleBlocks = 2;

torch::nn::Conv2d plane_conv(std::int64_t c_in, std::int64_t c_out) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(c_in, c_out, 3).padding(1));
}

/// Appends `module` to a list that is registered under its own name.
template <typename Module>
void append(std::vector<Module>& modules, const std::shared_ptr<torch::nn::ModuleListImpl>& list,
            Module module) {
  list->push_back(module);
  modules.push_back(std::move(module));
}

}  // namespace

PlaneBlockImpl::PlaneBlockImpl(std::int64_t c_in, std::int64_t c_out) {
  norm_ = register_module("norm", GroupNorm(kMaskGroups, c_in));
  conv_ = register_module("conv", plane_conv(c_in, c_out));
  inner_norm_ = register_module("inner_norm", GroupNorm(kMaskGroups, c_out));
  inner_conv_ = register_module("inner_conv", plane_conv(c_out, c_out));
  if (c_in != c_out) {
    skip_ = register_module("skip", torch::nn::Conv2d(torch::nn::Conv2dOptions(c_in, c_out, 1)));
  }
}

torch::Tensor PlaneBlockImpl::forward(const torch::Tensor& x) {
  const torch::Tensor h = conv_->forward(torch::silu(norm_->forward(x)));
  return (skip_ ? skip_->forward(x) : x) + inner_conv_->forward(torch::silu(inner_norm_->forward(h)));
}

PlaneUNetImpl::PlaneUNetImpl(const std::vector<std::int64_t>& widths, std::int64_t outputs) {
  in_ = register_module("in", plane_conv(2, widths.front()));
  auto down_blocks = register_module("down_blocks", torch::nn::ModuleList());
  auto downs = register_module("downs", torch::nn::ModuleList());
  auto middle = register_module("middle", torch::nn::ModuleList());
  auto ups = register_module("ups", torch::nn::ModuleList());
  auto up_blocks = register_module("up_blocks", torch::nn::ModuleList());
  for (std::size_t scale = 0; scale + 1 < widths.size(); ++scale) {
    const std::int64_t fine = widths[scale], coarse = widths[scale + 1];
    append(down_blocks_, down_blocks, PlaneBlock(fine, fine));
    append(downs_, downs, torch::nn::Conv2d(torch::nn::Conv2dOptions(fine, coarse, 4).stride(2).padding(1)));
    append(
        ups_, ups,
        torch::nn::ConvTranspose2d(torch::nn::ConvTranspose2dOptions(coarse, fine, 4).stride(2).padding(1)));
    append(up_blocks_, up_blocks, PlaneBlock(2 * fine, fine));
  }
  for (std::int64_t i = 0; i < kMiddleBlocks; ++i) {
    append(middle_, middle, PlaneBlock(widths.back(), widths.back()));
  }
  out_ = register_module("out", plane_conv(widths.front(), outputs));
}

torch::Tensor PlaneUNetImpl::forward(const torch::Tensor& x) {
  const std::int64_t multiple = std::int64_t{1} << downs_.size();
  const std::int64_t rows = rounded_up(x.size(1), multiple), columns = rounded_up(x.size(2), multiple);
  const torch::Tensor plane = torch::constant_pad_nd(x, {0, columns - x.size(2), 0, rows - x.size(1)});
  const torch::Tensor place =
      torch::linspace(-1.0, 1.0, rows, x.options()).view({1, rows, 1}).expand_as(plane);
  torch::Tensor h = in_->forward(torch::stack({plane, place}, 1));
  std::vector<torch::Tensor> skips;
  for (std::size_t scale = 0; scale < downs_.size(); ++scale) {
    skips.push_back(down_blocks_[scale]->forward(h));
    h = downs_[scale]->forward(skips.back());
  }
  for (auto& block : middle_) h = block->forward(h);
  for (std::size_t scale = downs_.size(); scale-- > 0;) {
    h = up_blocks_[scale]->forward(torch::cat({ups_[scale]->forward(h), skips[scale]}, 1));
  }
  return out_->forward(h).narrow(2, 0, x.size(1)).narrow(3, 0, x.size(2));
}

}  // namespace partita::nn
