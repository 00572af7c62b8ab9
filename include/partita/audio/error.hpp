#pragma once

#include "partita/base/error.hpp"

namespace partita::audio {

/// Audio that cannot be read, written or used: damaged files, NaN samples, wrong rates.
class AudioError : public Error {
 public:
  using Error::Error;
};

}  // namespace partita::audio
