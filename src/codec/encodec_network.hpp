#pragma once

#include <memory>

#include "partita/codec/encodec.hpp"
#include "quantizer.hpp"
#include "seanet.hpp"

namespace partita::codec {

/// The networks of an EnCodec, with the official EncodecModel's names; convolutions hold plain weights.
class EncodecNetwork final : public torch::nn::Module {
 public:
  explicit EncodecNetwork(const EncodecOptions& options);
  /// Called once the weights are loaded and placed; `precision` is that of convolutions.
  void prepare(torch::Dtype precision);

  [[nodiscard]] const std::shared_ptr<SeaNet>& encoder() const { return encoder_; }
  [[nodiscard]] const std::shared_ptr<SeaNet>& decoder() const { return decoder_; }
  [[nodiscard]] const Quantizer& quantizer() const { return *quantizer_; }

 private:
  std::shared_ptr<SeaNet> encoder_;
  std::shared_ptr<SeaNet> decoder_;
  std::shared_ptr<Quantizer> quantizer_;
};

/// Loads published weights into a network: official or transformers names, weight norm folded on the way.
/// Throws CodecError or io::IoError, which name every fault.
void load_encodec_weights(EncodecNetwork& network, const io::TensorMap& weights, const std::string& what);

}  // namespace partita::codec
