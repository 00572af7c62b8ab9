#pragma once

#include <torch/types.h>

#include <string>

namespace partita {

/// "cpu", "cuda" or "cuda:N" as a device. Throws UsageError for other names and for a
/// device that this machine lacks.
[[nodiscard]] torch::Device parse_device(const std::string& name);

/// Whether a device computes in bfloat16 faster than in float32: of CPUs those with AVX-512 BF16. GPUs, of
/// which those do that are younger than 2019, are not asked.
[[nodiscard]] bool has_bfloat16(torch::Device device);

/// What computes, for model cards: "AMD EPYC, 2 threads", on a GPU "cuda:0 of AMD EPYC, 16 threads".
[[nodiscard]] std::string machine_text(torch::Device device);

/// Sets LibTorch's intra-op threads, 0 taking every core, and has subnormal numbers flushed to zero.
/// Called once, in `main`, before any tensor work.
void set_threads(int count);

/// Has glibc's allocator keep up to a few hundred megabytes that are freed, for the next tensors: handing
/// them back to the system and taking them anew, zeroed page by page, costs as much as the work on them.
/// Called once, in `main`; nothing where there is another allocator.
void keep_freed_memory();

}  // namespace partita
