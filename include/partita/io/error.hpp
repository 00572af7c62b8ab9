#pragma once

#include "partita/base/error.hpp"

namespace partita::io {

/// A file, a configuration or a model folder that is missing, broken or not as expected.
class IoError : public Error {
 public:
  using Error::Error;
};

}  // namespace partita::io
