#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "partita/nn/error.hpp"

namespace torch::nn {
class Conv2dImpl;
}

namespace partita::nn {

/// Tells true pictures from made ones, patch by patch (as EnCodec's and Vocos's do with spectrograms): 2-D
/// convolutions with leaky rectifiers that halve the rows.
class PatchDiscriminatorImpl : public torch::nn::Module {
 public:
  /// Throws NetworkError unless all are at least 1.
  PatchDiscriminatorImpl(std::int64_t in_dim, std::int64_t channels, std::int64_t layers);

  struct Verdict {
    torch::Tensor score;                  ///< `[batch, 1, row, column]`, higher: true
    std::vector<torch::Tensor> features;  ///< of every layer but the last
  };
  /// x `[batch, in_dim, row, column]`.
  Verdict forward(const torch::Tensor& x);

 private:
  std::vector<std::shared_ptr<torch::nn::Conv2dImpl>> layers_;
};
TORCH_MODULE(PatchDiscriminator);

}  // namespace partita::nn
