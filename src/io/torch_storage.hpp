#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mapped_file.hpp"
#include "pickle.hpp"

namespace partita::io {

/// The globals that a checkpoint's pickle may name: storages' types and the functions that remake tensors.
[[nodiscard]] const std::vector<pickle::Global>& checkpoint_globals();

/// What a pickle says of a storage.
struct StorageType {
  torch::Dtype dtype = torch::kFloat32;
  std::int64_t size = 0;  ///< elements

  [[nodiscard]] std::uint64_t bytes() const {
    return static_cast<std::uint64_t>(size) * c10::elementSize(dtype);
  }
  friend bool operator==(const StorageType&, const StorageType&) = default;
};

/// Every storage that a pickle refers to, by its key. Throws IoError naming `file`.
[[nodiscard]] std::map<std::string, StorageType> storage_types(const pickle::Document& document,
                                                               const std::string& file);

/// A storage's bytes, which lie in `file`, as a tensor of one dimension. Throws IoError for truth values
/// other than 0 and 1.
[[nodiscard]] torch::Tensor make_storage(const std::shared_ptr<const MappedFile>& file,
                                         std::string_view bytes, const StorageType& type);

/// The tensor that a call of _rebuild_tensor_v2 or _rebuild_parameter describes, in one of `storages`.
/// Throws IoError naming the tensor and `file`.
[[nodiscard]] torch::Tensor make_tensor(const pickle::Call& call,
                                        const std::map<std::string, torch::Tensor>& storages,
                                        const std::string& name, const std::string& file);

}  // namespace partita::io
