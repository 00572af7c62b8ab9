#include "partita/baselines/lass.hpp"
#include "partita/decomposition/latent_separation.hpp"

namespace partita::baselines {

torch::Tensor LassSeparator::separate(const torch::Tensor& samples, int sample_rate) {
  return decomposition::separate_by_latents(
      {*codec_, device_, kLassSources,
       [this](const torch::Tensor& latents) { return decompose_latents(latents); },
       [this](const torch::Tensor& components) {
         const torch::NoGradGuard no_grad;
         return codec_->decode(components).mean(1).to(torch::kCPU);
       }},
      samples, sample_rate, options_);
}

}  // namespace partita::baselines
