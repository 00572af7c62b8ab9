#include "partita/evaluation/reconstruction.hpp"

#include "host/codec_input.hpp"
#include "partita/evaluation/ms_stft.hpp"

namespace partita::evaluation {

ReconstructionFigures evaluate_reconstruction(decomposition::Separator& separator,
                                              const std::vector<Clip>& clips, Progress& progress) {
  if (separator.options().refinement == decomposition::Refinement::Learned) {
    fail<EvaluationError>(
        "reconstruction: expected the components themselves (refinement none), found masks");
  }
  const torch::NoGradGuard no_gradient;
  codec::Codec& codec = separator.codec();
  ReconstructionFigures figures;
  figures.composition = separator.model()->options().comp_function;
  figures.codec = codec.name();
  Sample mse, ms_stft, to_sound;
  progress.begin("reconstructing", static_cast<std::int64_t>(clips.size()), "clips");
  for (const Clip& clip : clips) {
    progress.advance(1, clip.name);
    const torch::Tensor sound = heard_by(codec, clip);
    if (any_silent(sound)) {
      ++figures.silent;
      continue;
    }
    const torch::Tensor x = codec.encode(sound.unsqueeze(0));
    const torch::Tensor composed =
        separator.model()->compose(separator.decompose_latents(x[0]).unsqueeze(0).to(x.device()));
    const auto decoded = [&](const torch::Tensor& latents) {
      return codec.decode(latents)[0].to(torch::kCPU).narrow(1, 0, sound.size(1));
    };
    const torch::Tensor found = decoded(composed);
    mse.add((composed - x).to(torch::kFloat64).square().mean().item<double>(), figures.clips);
    ms_stft.add(ms_stft_distance(found, decoded(x)), figures.clips);
    to_sound.add(ms_stft_distance(found, sound), figures.clips);
    ++figures.clips;
  }
  progress.end();
  if (figures.clips == 0) {
    fail<EvaluationError>("reconstruction: no clip to measure: {} clips, {} of them silent", clips.size(),
                          figures.silent);
  }
  figures.mse = mse.statistic(separator.options().seed);
  figures.ms_stft = ms_stft.statistic(separator.options().seed);
  figures.to_sound = to_sound.statistic(separator.options().seed);
  return figures;
}

io::Json to_json(const ReconstructionFigures& figures) {
  return {{"composition", figures.composition},
          {"codec", figures.codec},
          {"latent_mse", to_json(figures.mse)},
          {"ms_stft_to_decoded", to_json(figures.ms_stft)},
          {"ms_stft_to_mixture", to_json(figures.to_sound)},
          {"clips", figures.clips},
          {"silent", figures.silent}};
}

}  // namespace partita::evaluation
