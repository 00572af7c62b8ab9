#pragma once

#include <torch/version.h>

/// Whether this is LibTorch of that version or a later one, for what earlier ones lack.
#define PARTITA_LIBTORCH_AT_LEAST(major, minor) \
  (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))
