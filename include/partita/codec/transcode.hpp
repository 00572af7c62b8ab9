#pragma once

#include <cstdint>
#include <filesystem>

#include "partita/audio/file.hpp"
#include "partita/base/progress.hpp"
#include "partita/codec/ecdc.hpp"
#include "partita/codec/encodec.hpp"

namespace partita::codec {

/// What came of coding a sound, at the codec's rate.
struct Transcoded {
  int sample_rate = 0;
  int channels = 0;
  std::int64_t samples = 0;     ///< a channel
  std::int64_t clipped = 0;     ///< decoded samples beyond full scale in an integer format
  double encode_seconds = 0.0;  ///< in the networks and the quantiser, without files and resampling
  double decode_seconds = 0.0;
};

/// Encodes a song of any length, rate and channels, block by block, into an .ecdc file. Throws AudioError,
/// CodecError or io::IoError for files that cannot be read or written, Interrupted between blocks.
Transcoded encode_file(const Encodec& codec, const std::filesystem::path& song,
                       const std::filesystem::path& output, Progress& progress);

/// Decodes the codes of an .ecdc file into an audio file (WAV, FLAC or MP3 by its extension).
Transcoded decode_file(const Encodec& codec, const EcdcFile& codes, const std::filesystem::path& output,
                       audio::SampleFormat format, Progress& progress);

/// A song through the codec and back, block by block.
Transcoded roundtrip_file(const Encodec& codec, const std::filesystem::path& song,
                          const std::filesystem::path& output, audio::SampleFormat format,
                          Progress& progress);

}  // namespace partita::codec
