#include "part_variation.hpp"

#include "partita/base/device.hpp"
#include "partita/base/random.hpp"

namespace partita::training {
namespace {

constexpr std::int64_t kBends = 6;  // of an equalizer's curve, evenly spaced over the channels

/// `[batch, component, number]` in [-1, 1].
torch::Tensor draws(std::int64_t batch, std::int64_t components, std::int64_t count,
                    const VariationDraw& draw) {
  torch::Tensor drawn = torch::empty({batch, components, count});
  for (std::int64_t i = 0; i < batch; ++i) {
    drawn[i].uniform_(-1.0, 1.0,
                      make_generator(draw.seed, draw.purpose, draw.first + static_cast<std::uint64_t>(i)));
  }
  return drawn;
}

/// Channel c becomes what is at c times the factor of its part, `[batch, component, 1]`; the last is held.
torch::Tensor stretched(const torch::Tensor& parts, const torch::Tensor& factors) {
  const std::int64_t last = parts.size(2) - 1;
  const torch::Tensor at =
      (torch::arange(last + 1, factors.options()) * factors).clamp_max(static_cast<double>(last));
  const torch::Tensor lower = at.floor();
  const auto read = [&](const torch::Tensor& channel) {
    return parts.gather(2, channel.to(torch::kLong).unsqueeze(3).expand_as(parts));
  };
  return torch::lerp(read(lower), read((lower + 1.0).clamp_max(static_cast<double>(last))),
                     (at - lower).unsqueeze(3));
}

}  // namespace

torch::Tensor varied_parts(const torch::Tensor& parts, const RemixOptions& options,
                           const VariationDraw& draw) {
  const torch::Tensor drawn = on_device(draws(parts.size(0), parts.size(1), 2 + kBends, draw), parts.device())
                                  .to(parts.scalar_type());
  const torch::Tensor gain = torch::pow(options.gain, drawn.narrow(2, 0, 1));
  const torch::Tensor curve =
      torch::upsample_linear1d(drawn.narrow(2, 2, kBends), {parts.size(2)}, /*align_corners=*/true);
  const torch::Tensor levels = (gain * torch::pow(options.equalizer, curve)).unsqueeze(3);
  if (options.transposition == 1.0) return parts * levels;
  return stretched(parts, torch::pow(options.transposition, drawn.narrow(2, 1, 1))) * levels;
}

}  // namespace partita::training
