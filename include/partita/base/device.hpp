#pragma once

#include <torch/types.h>

#include <string>

namespace partita {

/// "cpu", "cuda" or "cuda:N" as a device. Throws UsageError for other names and for a
/// device that this machine lacks.
[[nodiscard]] torch::Device parse_device(const std::string& name);

/// Sets LibTorch's intra-op threads, 0 taking every core, and has subnormal numbers flushed to zero.
/// Called once, in `main`, before any tensor work.
void set_threads(int count);

}  // namespace partita
