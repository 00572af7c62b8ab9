#pragma once

#include <cstdint>
#include <filesystem>

#include "partita/base/progress.hpp"
#include "partita/data/error.hpp"
#include "partita/io/report.hpp"

namespace partita::data {

struct PackOptions {
  std::filesystem::path store;
  std::filesystem::path output;
  std::int64_t bytes = 0;              ///< that the copy may have
  std::int64_t validation_clips = 32;  ///< clips of the validation split that are kept
  std::int64_t waveforms = 8;          ///< of these, clips that are kept as audio too, where the store has it
};

struct PackReport {
  std::int64_t train_clips = 0, validation_clips = 0, waveforms = 0;  ///< kept
  std::int64_t available = 0;                                         ///< training clips of the store
  double latent_step = 0.0;                                           ///< StoreInfo::latent_step
  std::int64_t bytes = 0;
};

[[nodiscard]] io::Json to_json(const PackReport& report);

/// Makes a small copy of a latent store, to be carried to another machine and trained on there: as many clips
/// of the training split as fit, evenly spread, and the first of the validation split. Codes stay as they
/// are, latents without negative values (MelCodec's) are rounded to 8 bits, other latents are kept in half
/// precision, and so is audio; the sources' latents are left out, which training does not read. Throws
/// DataError if not even one training clip fits, and for an output that holds a store.
PackReport pack_store(const PackOptions& options, Progress& progress);

}  // namespace partita::data
