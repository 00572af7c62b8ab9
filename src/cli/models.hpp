#pragma once

#include <filesystem>

#include "partita/io/codec_weights.hpp"
#include "partita/io/report.hpp"

namespace partita::cli {

/// A codec with the file of its weights, for reports.
io::Json describe_codec(const io::PublishedCodec& codec, const std::filesystem::path& weights);

}  // namespace partita::cli
