#pragma once

#include <filesystem>

#include "partita/io/safetensors.hpp"

namespace partita::io {

/// The tensors of a PyTorch checkpoint (torch.save, in the ZIP format of 1.6 and later and in the one before
/// it), read without executing anything: a state dict, or dicts, lists and tuples of such, whose names are
/// joined by dots ("best_state.encoder.weight"). Values that are no tensors are left out.
///
/// Tensors have the file's dtypes (F64, F32, F16, BF16, I64, I32, I16, I8, U8, bool), shapes and strides;
/// those of one storage share memory. They are read-only views of the file's mapping, which they keep alive:
/// clone to change.
///
/// Throws IoError naming the file on the first fault: a damaged, truncated or compressed archive, a pickle
/// that asks for anything but tensors, a tensor that passes the end of its storage or overlaps itself, two
/// tensors of one name, no tensor at all. Format: torch/serialization.py and torch/_utils.py of PyTorch.
[[nodiscard]] TensorMap read_torch_checkpoint(const std::filesystem::path& path);

}  // namespace partita::io
