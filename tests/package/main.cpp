#include <partita/io/config.hpp>
#include <partita/io/sha256.hpp>

// The SHA-256 of "abc" (FIPS 180-2, appendix B.1), by way of a configuration.
int main() {
  const auto config = partita::io::Config::parse("message = \"abc\"\n");
  const std::string digest = partita::io::sha256(config.get<std::string>("message"));
  return digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" ? 0 : 1;
}
