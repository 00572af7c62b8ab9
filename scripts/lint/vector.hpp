// clang cannot read LibTorch 1.13 as C++20 with libstdc++ 12: constexpr members of std::vector are
// instantiated while c10::IValue is still incomplete. For the linter alone, vector is read without
// them (and without its own overload of an algorithm that is declared constexpr elsewhere).
#include <memory>
#include <string>

#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR
#define __fill_a1 __fill_a1_of_bits
#include <vector>
#undef __fill_a1
#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR constexpr
