#pragma once

#include "partita/base/error.hpp"

namespace partita::training {

/// A run that cannot start, go on or be exported: options that do not fit the data, a checkpoint
/// that is broken or of another configuration, a loss that is no longer finite.
class TrainingError : public Error {
 public:
  using Error::Error;
};

}  // namespace partita::training
