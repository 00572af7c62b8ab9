#include "partita/base/random.hpp"

#include <ATen/CPUGeneratorImpl.h>

namespace partita {
namespace {

/// FNV-1a, 64 bits: equal on every platform, unlike std::hash.
std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

/// One step of SplitMix64 (Steele, Lea and Flood 2014): a bijection that mixes every bit.
std::uint64_t splitmix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

}  // namespace

std::uint64_t derive_seed(std::uint64_t seed, std::string_view purpose, std::uint64_t index) {
  return splitmix64(splitmix64(splitmix64(seed) ^ fnv1a(purpose)) ^ index);
}

torch::Generator make_generator(std::uint64_t seed, std::string_view purpose, std::uint64_t index) {
  return at::make_generator<at::CPUGeneratorImpl>(derive_seed(seed, purpose, index));
}

}  // namespace partita
