#pragma once

#include "partita/evaluation/embedding.hpp"

namespace partita::evaluation {

/// make_embedding of a file.
[[nodiscard]] Embedding torch_script_embedding(const std::filesystem::path& file,
                                               const EmbeddingOptions& options, torch::Device device);

}  // namespace partita::evaluation
