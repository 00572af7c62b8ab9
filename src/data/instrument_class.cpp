#include "instrument_class.hpp"

#include <array>

#include "partita/data/error.hpp"

namespace partita::data {
namespace {

constexpr std::array<const char*, 16> kClasses{"Piano",
                                               "Chromatic Percussion",
                                               "Organ",
                                               "Guitar",
                                               "Bass",
                                               "Strings",
                                               "Strings (continued)",
                                               "Brass",
                                               "Reed",
                                               "Pipe",
                                               "Synth Lead",
                                               "Synth Pad",
                                               "Synth Effects",
                                               "Ethnic",
                                               "Percussive",
                                               "Sound Effects"};

}  // namespace

std::string class_of_program(int program) {
  if (program < 0 || program > 127) fail<DataError>("MIDI program {}, expected 0 to 127", program);
  return kClasses[static_cast<std::size_t>(program / kProgramsPerClass)];
}

}  // namespace partita::data
