#pragma once

#include "partita/base/error.hpp"

namespace partita::nn {

/// Network options that do not fit together, or tensors that do not fit a network.
class NetworkError : public Error {
 public:
  using Error::Error;
};

}  // namespace partita::nn
