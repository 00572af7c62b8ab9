#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "layer.hpp"

namespace partita::codec {

/// A signal fed through a layer in blocks of one size, whatever the lengths it comes in: so the outputs do
/// not depend on them, to the last bit.
class BlockStream {
 public:
  BlockStream(std::shared_ptr<Layer> layer, std::int64_t block);
  /// The outputs, none of them empty, of the blocks that `x` `[batch, channel, n]` completes. The last
  /// block waits, since it may be the last of all.
  std::vector<torch::Tensor> push(const torch::Tensor& x);
  /// The output of what is left; then ready for a new signal.
  std::vector<torch::Tensor> finish();

 private:
  std::shared_ptr<Layer> layer_;
  std::int64_t block_;
  Carry carry_;
  torch::Tensor waiting_;
};

}  // namespace partita::codec
