#pragma once

#include "partita/base/error.hpp"

namespace partita::data {

/// A data set that is missing, broken or not shaped as expected.
class DataError : public Error {
 public:
  using Error::Error;
};

}  // namespace partita::data
