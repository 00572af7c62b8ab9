#pragma once

#include <sndfile.h>

#include <memory>

namespace partita::audio {

/// Of any audio that is read, written or resampled.
constexpr int kHighestRate = 768000;
constexpr int kMostChannels = 64;

struct SndfileClose {
  void operator()(SNDFILE* file) const { sf_close(file); }
};

using SndfileHandle = std::unique_ptr<SNDFILE, SndfileClose>;

}  // namespace partita::audio
