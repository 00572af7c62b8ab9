#include <charconv>

#include "partita/codec/encodec.hpp"
#include "partita/io/published_weights.hpp"

namespace partita::codec {
namespace {

double bandwidth_of(const std::string& name, std::size_t at) {
  double bandwidth = 0.0;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + at + 1, end, bandwidth);
  if (error != std::errc() || stop != end || !(bandwidth > 0.0)) {
    fail<CodecError>("codec '{}': expected a bandwidth in kbit/s after '@', as in encodec_24khz@6", name);
  }
  return bandwidth;
}

}  // namespace

std::shared_ptr<Encodec> load_encodec(const std::string& name, torch::Device device,
                                      const std::filesystem::path& weights, torch::Dtype precision) {
  const std::size_t at = name.find('@');
  const double bandwidth = at == std::string::npos ? 0.0 : bandwidth_of(name, at);
  EncodecOptions options = encodec_options(name.substr(0, at));
  if (bandwidth > 0.0) (void)options.codebooks(bandwidth);  // before a large file is read
  const std::filesystem::path file = weights.empty() ? io::weights_file(options.name) : weights;
  return std::make_shared<Encodec>(std::move(options), io::read_weights(file), bandwidth, device,
                                   file.string(), precision);
}

}  // namespace partita::codec
