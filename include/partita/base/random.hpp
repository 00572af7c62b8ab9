#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string_view>

namespace partita {

/// A seed for one purpose, derived from the user's one `--seed`: the same seed and
/// purpose give the same stream whatever else draws random numbers.
[[nodiscard]] std::uint64_t derive_seed(std::uint64_t seed, std::string_view purpose,
                                        std::uint64_t index = 0);

/// A CPU generator seeded so. Random tensors are drawn on the CPU and then moved, so
/// that every device sees the same numbers.
[[nodiscard]] torch::Generator make_generator(std::uint64_t seed, std::string_view purpose,
                                              std::uint64_t index = 0);

}  // namespace partita
