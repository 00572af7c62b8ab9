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

/// `tensor` on a device. From the host to a GPU through page-locked memory, so that the host goes on at once;
/// the tensor may be let go of.
[[nodiscard]] torch::Tensor on_device(const torch::Tensor& tensor, torch::Device device);

/// Sets LibTorch's intra-op threads, 0 taking every core, and has subnormal numbers flushed to zero.
/// Called once, in `main`, before any tensor work.
void set_threads(int count);

/// Has OpenBLAS multiply matrices with the vectors that this processor has. It goes by model numbers, and for
/// those that are younger than itself (Debian 12's: the fifth generation of Xeons) takes kernels of 2004,
/// several times slower; it reads its variable OPENBLAS_CORETYPE before `main`, so the program is started
/// again with it. Called first in `main` with its arguments; nothing where OpenBLAS chose well, the variable
/// is set or the products are another library's.
void choose_blas_kernels(char* const* arguments);

/// Has glibc's allocator keep what is freed, of any size, for the next tensors, up to a few hundred
/// megabytes: handing them back to the system and taking them anew, zeroed page by page, costs as much as the
/// work on them. Called once, in `main`; nothing where there is another allocator.
void keep_freed_memory();

}  // namespace partita
