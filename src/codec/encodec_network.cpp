#include "encodec_network.hpp"

#include <cmath>

namespace partita::codec {

EncodecNetwork::EncodecNetwork(const EncodecOptions& options)
    : encoder_(register_module("encoder", make_seanet_encoder(options))),
      decoder_(register_module("decoder", make_seanet_decoder(options))),
      quantizer_(register_module("quantizer",
                                 std::make_shared<Quantizer>(options.codebooks(options.bandwidths.back()),
                                                             options.codebook_size, options.dimension))) {
  eval();
}

void EncodecNetwork::prepare(torch::Dtype precision) {
  const torch::NoGradGuard no_gradient;
  encoder_->prepare(precision);
  decoder_->prepare(precision);
  quantizer_->prepare();
}

}  // namespace partita::codec
