#pragma once

#include <filesystem>
#include <string>

#include "partita/base/progress.hpp"
#include "partita/io/error.hpp"

namespace partita::io {

/// A file to fetch.
struct Download {
  std::string url;             ///< http:// or https://
  std::filesystem::path path;  ///< where it goes; missing folders are made
  std::string hash;            ///< its SHA-256 or the start of it, in lower-case hexadecimal digits
};

/// Fetches a file over HTTP; redirects are followed, certificates are checked. What has arrived stands in
/// `<path>.part` (its ETag beside it) until it is whole and its hash is right, so that the same call after a
/// cut connection or Ctrl-C goes on where it stopped. Throws IoError naming the address and what to do,
/// Interrupted on Ctrl-C. A file with another hash is removed.
void download(const Download& wanted, Progress& progress);

}  // namespace partita::io
