#include "block_stream.hpp"

#include <utility>

namespace partita::codec {

BlockStream::BlockStream(std::shared_ptr<Layer> layer, std::int64_t block)
    : layer_(std::move(layer)), block_(block) {}

std::vector<torch::Tensor> BlockStream::push(const torch::Tensor& x) {
  const torch::NoGradGuard no_gradient;
  const torch::Tensor signal = waiting_.defined() ? torch::cat({waiting_, x}, 2) : x;
  std::vector<torch::Tensor> outputs;
  std::int64_t at = 0;
  for (; signal.size(2) - at > block_; at += block_) {
    torch::Tensor output = layer_->forward(signal.narrow(2, at, block_), carry_, /*last=*/false);
    if (output.size(2) > 0) outputs.push_back(std::move(output));
  }
  waiting_ = signal.narrow(2, at, signal.size(2) - at).clone();
  return outputs;
}

std::vector<torch::Tensor> BlockStream::finish() {
  const torch::NoGradGuard no_gradient;
  std::vector<torch::Tensor> outputs;
  if (waiting_.defined() && waiting_.size(2) > 0) {
    outputs.push_back(layer_->forward(waiting_, carry_, /*last=*/true));
  }
  waiting_ = torch::Tensor();
  carry_ = Carry();
  return outputs;
}

}  // namespace partita::codec
