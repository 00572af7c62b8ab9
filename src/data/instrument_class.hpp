#pragma once

#include <string>

namespace partita::data {

constexpr int kProgramsPerClass = 8;
constexpr const char* kDrumClass = "Drums";

/// Slakh2100's class (`inst_class`) of a General MIDI program, 0 to 127: General MIDI's families, eight
/// programs each.
[[nodiscard]] std::string class_of_program(int program);

}  // namespace partita::data
