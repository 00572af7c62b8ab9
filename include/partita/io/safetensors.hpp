#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "partita/io/error.hpp"

namespace torch::nn {
class Module;
}

namespace partita::io {

using TensorMap = std::map<std::string, torch::Tensor>;
using StringMap = std::map<std::string, std::string>;

/// A memory-mapped safetensors file (F32, F16, BF16, I64, I32, I16, U8). Opening reads and
/// checks the header whole: length, JSON, dtypes, shapes, offsets that neither overlap nor
/// leave gaps nor pass the end. Throws IoError on the first fault.
class SafetensorsFile {
 public:
  struct Entry {
    torch::Dtype dtype = torch::kFloat32;
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0;  ///< byte offsets into the data section
    std::uint64_t end = 0;
  };

  explicit SafetensorsFile(const std::filesystem::path& path);

  [[nodiscard]] const std::map<std::string, Entry>& entries() const;
  [[nodiscard]] const StringMap& metadata() const;
  [[nodiscard]] bool contains(const std::string& name) const;
  /// A read-only view of the mapping (kept alive by the tensor): do not write to it; clone
  /// to change. Throws IoError naming the file when `name` is not in it.
  [[nodiscard]] torch::Tensor tensor(const std::string& name) const;
  /// All tensors whose names begin with `prefix`, without the prefix.
  [[nodiscard]] TensorMap tensors(const std::string& prefix = {}) const;

 private:
  struct Mapping;
  std::shared_ptr<const Mapping> mapping_;
};

/// Writes tensors (any device, any strides) in name order, atomically.
void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                       const StringMap& metadata = {});

/// Parameters and buffers of a module by their dotted names, detached.
[[nodiscard]] TensorMap state_of(const torch::nn::Module& module);

/// Copies `state` into the module's parameters and buffers. Strict: a missing, unexpected or
/// wrongly shaped name, or one that is not floating point where the module's is, throws
/// IoError naming `what` and every offending name. F16/BF16 are widened to the module's dtype.
void load_state(torch::nn::Module& module, const TensorMap& state, std::string_view what);

/// The tensors whose names begin with `prefix + "."`, without it.
[[nodiscard]] TensorMap select(const TensorMap& tensors, std::string_view prefix);

/// The tensors with `prefix + "."` before each name.
[[nodiscard]] TensorMap with_prefix(const TensorMap& tensors, std::string_view prefix);

}  // namespace partita::io
