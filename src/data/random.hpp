#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace partita::data {

/// SplitMix64 (Steele, Lea and Flood 2014) with draws of its own: the standard distributions
/// differ between libraries, and a song must not.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  /// In [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// In [0, count); count ≥ 1.
  std::size_t below(std::size_t count) {
    return static_cast<std::size_t>(uniform() * static_cast<double>(count));
  }
  /// In [low, high], both ends included.
  int integer(int low, int high) {
    return low + static_cast<int>(below(static_cast<std::size_t>(high - low) + 1));
  }
  bool chance(double probability) { return uniform() < probability; }
  /// Zero mean, unit deviation, within ±3.5: the sum of four uniforms.
  double bell() { return (uniform() + uniform() + uniform() + uniform() - 2.0) * 1.7320508075688772; }

  template <class Container>
  const auto& pick(const Container& items) {
    return items[below(items.size())];
  }
  /// An index, drawn in proportion to the weights (not negative, not all zero).
  template <class Container>
  std::size_t weighted(const Container& weights) {
    double total = 0.0;
    for (const double weight : weights) total += weight;
    double point = uniform() * total;
    std::size_t last = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (weights[i] <= 0.0) continue;
      last = i;
      if (point < weights[i]) return i;
      point -= weights[i];
    }
    return last;
  }
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t state_;
};

}  // namespace partita::data
