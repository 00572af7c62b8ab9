#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace partita::io {

using Json = nlohmann::ordered_json;

/// Writes a command's result as one JSON object: to stdout for "-", atomically to a file
/// otherwise; nothing for an empty destination. NaN and infinities become null.
void write_report(const Json& report, const std::string& destination);

}  // namespace partita::io
