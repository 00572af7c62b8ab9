#pragma once

#include <filesystem>

#include "partita/io/published_weights.hpp"
#include "partita/io/report.hpp"

namespace partita::cli {

/// Published weights with their file on this machine, for reports.
io::Json describe_weights(const io::PublishedWeights& weights, const std::filesystem::path& file);

}  // namespace partita::cli
