#include "partita/nn/winograd.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/convolution_backward.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "partita/base/autocast.hpp"
#include "partita/nn/error.hpp"

namespace partita::nn {
namespace {

// Each tile of `kPoints` inputs gives `outputs` results, the values of a product of polynomials at as many
// points.
constexpr std::int64_t kPoints = 6;
constexpr std::int64_t kColumns = 256;  // tiles that a thread takes at once: they stay in its cache
// Where there are few tiles, some for several threads.
constexpr std::int64_t kLeastBlocks = 4;
constexpr std::int64_t kLeastColumns = 64;
constexpr std::int64_t kLeastChannels = 32;  // below, the transforms cost what the products save
constexpr std::int64_t kLeastFrames = 16;

std::atomic<bool>& switched_on() {
  static std::atomic<bool> on{true};
  return on;
}

/// The tiles of a batch of sequences, in one row: sequence after sequence.
struct Tiling {
  std::int64_t outputs, kernel, batch, frames;

  [[nodiscard]] std::int64_t tiles() const { return (frames + outputs - 1) / outputs; }
  [[nodiscard]] std::int64_t columns() const { return batch * tiles(); }
};

Tiling tiling(const torch::Tensor& x, std::int64_t kernel) {
  return {kPoints + 1 - kernel, kernel, x.size(0), x.size(2)};
}

// The transforms are loops over tiles, which wider vectors than every processor has make several times
// faster.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define PARTITA_FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define PARTITA_FOR_EACH_PROCESSOR
#endif

/// A stretch of one row in tiles of `Outputs` results.
struct Stretch {
  std::int64_t kernel, frames, tile, count;
};

template <std::int64_t Outputs>
using Phases = float[Outputs][kColumns + kPoints];

/// `groups` times `Outputs` neighbours from frame `first` on, zeros outside the row, told apart by their
/// place.
template <std::int64_t Outputs>
[[gnu::always_inline]] inline void split(const float* row, std::int64_t frames, std::int64_t first,
                                         std::int64_t groups, Phases<Outputs>& out) {
  float padded[Outputs * (kColumns + kPoints)];
  const std::int64_t size = Outputs * groups;
  const float* from = row + first;
  if (first < 0 || first + size > frames) {
    const std::int64_t begin = std::clamp<std::int64_t>(-first, 0, size);
    const std::int64_t end = std::clamp<std::int64_t>(frames - first, begin, size);
    std::fill(padded, padded + begin, 0.0F);
    std::copy(from + begin, from + end, padded + begin);
    std::fill(padded + end, padded + size, 0.0F);
    from = padded;
  }
#pragma omp simd
  for (std::int64_t t = 0; t < groups; ++t) {
    for (std::int64_t k = 0; k < Outputs; ++k) out[k][t] = from[Outputs * t + k];
  }
}

/// A row's tiles at the six points (Bᵀd), `stride` from one point's values to the next one's.
template <std::int64_t Outputs>
[[gnu::always_inline]] inline void to_points(const float* row, const Stretch& at, float* out,
                                             std::int64_t stride) {
  Phases<Outputs> phases;
  split<Outputs>(row, at.frames, at.tile * Outputs - at.kernel / 2, at.count + (kPoints - 1) / Outputs,
                 phases);
  const auto input = [&](std::int64_t j) { return phases[j % Outputs] + j / Outputs; };
  const float *d0 = input(0), *d1 = input(1), *d2 = input(2), *d3 = input(3), *d4 = input(4), *d5 = input(5);
  float *p0 = out, *p1 = p0 + stride, *p2 = p1 + stride, *p3 = p2 + stride, *p4 = p3 + stride,
        *p5 = p4 + stride;
#pragma omp simd
  for (std::int64_t t = 0; t < at.count; ++t) {
    const float even = d4[t] - 4.0F * d2[t], odd = d3[t] - 4.0F * d1[t];
    const float less = d4[t] - d2[t], twice = 2.0F * (d3[t] - d1[t]);
    p0[t] = 4.0F * d0[t] - 5.0F * d2[t] + d4[t];
    p1[t] = even + odd;
    p2[t] = even - odd;
    p3[t] = less + twice;
    p4[t] = less - twice;
    p5[t] = 4.0F * d1[t] - 5.0F * d3[t] + d5[t];
  }
}

/// The results of tiles from their values at the points (Aᵀm), and `bias`, laid into a row.
template <std::int64_t Outputs>
[[gnu::always_inline]] inline void from_points(const float* in, std::int64_t stride, float bias,
                                               const Stretch& at, float* row) {
  const float *m0 = in, *m1 = m0 + stride, *m2 = m1 + stride, *m3 = m2 + stride, *m4 = m3 + stride,
              *m5 = m4 + stride;
  float padded[Outputs * kColumns];
  const std::int64_t first = at.tile * Outputs, size = std::min(Outputs * at.count, at.frames - first);
  float* laid = size == Outputs * at.count ? row + first : padded;
#pragma omp simd
  for (std::int64_t t = 0; t < at.count; ++t) {
    const float even1 = m1[t] + m2[t], odd1 = m1[t] - m2[t], even2 = m3[t] + m4[t], odd2 = m3[t] - m4[t];
    float* y = laid + Outputs * t;
    y[0] = m0[t] + even1 + even2 + bias;
    if constexpr (Outputs == 2) {
      y[1] = odd1 + 2.0F * odd2 + m5[t] + bias;
    } else {
      y[1] = odd1 + 2.0F * odd2 + bias;
      y[2] = even1 + 4.0F * even2 + bias;
      y[3] = odd1 + 8.0F * odd2 + m5[t] + bias;
    }
  }
  if (laid == padded) std::copy(padded, padded + size, row + first);
}

/// The transpose of from_points: gradients at the points (A dy).
template <std::int64_t Outputs>
[[gnu::always_inline]] inline void gradient_to_points(const float* row, const Stretch& at, float* out,
                                                      std::int64_t stride) {
  Phases<Outputs> y;
  split<Outputs>(row, at.frames, at.tile * Outputs, at.count, y);
  float *p0 = out, *p1 = p0 + stride, *p2 = p1 + stride, *p3 = p2 + stride, *p4 = p3 + stride,
        *p5 = p4 + stride;
#pragma omp simd
  for (std::int64_t t = 0; t < at.count; ++t) {
    float even1 = y[0][t], even2 = y[0][t], odd1 = y[1][t], odd2 = 2.0F * y[1][t];
    if constexpr (Outputs == 4) {
      even1 += y[2][t];
      even2 += 4.0F * y[2][t];
      odd1 += y[3][t];
      odd2 += 8.0F * y[3][t];
    }
    p0[t] = y[0][t];
    p1[t] = even1 + odd1;
    p2[t] = even1 - odd1;
    p3[t] = even2 + odd2;
    p4[t] = even2 - odd2;
    p5[t] = y[Outputs - 1][t];
  }
}

PARTITA_FOR_EACH_PROCESSOR void to_points(const float* row, std::int64_t outputs, const Stretch& at,
                                          float* out, std::int64_t stride) {
  outputs == 4 ? to_points<4>(row, at, out, stride) : to_points<2>(row, at, out, stride);
}

PARTITA_FOR_EACH_PROCESSOR void from_points(const float* in, std::int64_t stride, float bias,
                                            std::int64_t outputs, const Stretch& at, float* row) {
  outputs == 4 ? from_points<4>(in, stride, bias, at, row) : from_points<2>(in, stride, bias, at, row);
}

PARTITA_FOR_EACH_PROCESSOR void gradient_to_points(const float* row, std::int64_t outputs, const Stretch& at,
                                                   float* out, std::int64_t stride) {
  outputs == 4 ? gradient_to_points<4>(row, at, out, stride) : gradient_to_points<2>(row, at, out, stride);
}

/// Calls `run(sequence, stretch, column)` for each stretch of at most kColumns tiles of one sequence within
/// columns [begin, end).
template <class Run>
void for_stretches(const Tiling& tiling, std::int64_t begin, std::int64_t end, const Run& run) {
  for (std::int64_t column = begin; column < end;) {
    const std::int64_t sequence = column / tiling.tiles(), tile = column % tiling.tiles();
    const std::int64_t count = std::min({tiling.tiles() - tile, end - column, kColumns});
    run(sequence, Stretch{tiling.kernel, tiling.frames, tile, count}, column - begin);
    column += count;
  }
}

/// Values of the kernels at the points (G), `[6, kernel]`.
torch::Tensor kernel_points(std::int64_t kernel) {
  const torch::Tensor powers = torch::arange(kernel, torch::kFloat32);
  const auto at = [&](double point, double weight) {
    return torch::pow(torch::scalar_tensor(point), powers) * weight;
  };
  const torch::Tensor infinite = torch::zeros({kernel});
  infinite[kernel - 1] = 1.0F;
  return torch::stack({at(0.0, 1.0 / 4.0), at(1.0, -1.0 / 6.0), at(-1.0, -1.0 / 6.0), at(2.0, 1.0 / 24.0),
                       at(-2.0, 1.0 / 24.0), infinite});
}

/// weight `[c_out, c_in, kernel]` to `[6, c_out, c_in]`.
torch::Tensor weights_at_points(const torch::Tensor& weight) {
  const std::int64_t kernel = weight.size(2);
  return kernel_points(kernel)
      .mm(weight.reshape({-1, kernel}).t())
      .view({kPoints, weight.size(0), weight.size(1)});
}

torch::Tensor convolve(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  const torch::Tensor in = x.contiguous(), at_points = weights_at_points(weight);
  const Tiling tiles = tiling(x, weight.size(2));
  const std::int64_t c_in = weight.size(1), c_out = weight.size(0), frames = tiles.frames;
  torch::Tensor result = torch::empty({x.size(0), c_out, frames}, x.options());
  const float* from = in.data_ptr<float>();
  float* to = result.data_ptr<float>();
  const torch::Tensor biases = bias.numel() > 0 ? bias.contiguous() : torch::zeros({c_out});
  const float* added = biases.data_ptr<float>();
  const std::int64_t step = std::clamp(tiles.columns() / kLeastBlocks, kLeastColumns, kColumns);
  at::parallel_for(0, (tiles.columns() + step - 1) / step, 1, [&](std::int64_t begin, std::int64_t end) {
    const torch::NoGradGuard no_gradient;
    torch::Tensor values = torch::empty({kPoints, c_in, kColumns}),
                  products = torch::empty({kPoints, c_out, kColumns});
    for (std::int64_t block = begin; block < end; ++block) {
      const std::int64_t first = block * step, last = std::min(first + step, tiles.columns());
      for_stretches(tiles, first, last, [&](std::int64_t n, const Stretch& at, std::int64_t place) {
        for (std::int64_t c = 0; c < c_in; ++c) {
          to_points(from + (n * c_in + c) * frames, tiles.outputs, at,
                    values.data_ptr<float>() + c * kColumns + place, c_in * kColumns);
        }
      });
      for (std::int64_t i = 0; i < kPoints; ++i) {
        torch::Tensor product = products[i].narrow(1, 0, last - first);
        torch::mm_out(product, at_points[i], values[i].narrow(1, 0, last - first));
      }
      for_stretches(tiles, first, last, [&](std::int64_t n, const Stretch& at, std::int64_t place) {
        for (std::int64_t c = 0; c < c_out; ++c) {
          from_points(products.data_ptr<float>() + c * kColumns + place, c_out * kColumns, added[c],
                      tiles.outputs, at, to + (n * c_out + c) * frames);
        }
      });
    }
  });
  return result;
}

/// Rows of every channel at the points, `[6, channel, column]`, for columns [begin, end).
template <class Transform>
torch::Tensor rows_at_points(const torch::Tensor& x, const Tiling& tiles, std::int64_t begin,
                             std::int64_t end, const Transform& transform) {
  const std::int64_t channels = x.size(1), columns = end - begin;
  torch::Tensor result = torch::empty({kPoints, channels, columns});
  const float* from = x.data_ptr<float>();
  float* to = result.data_ptr<float>();
  at::parallel_for(0, channels, 1, [&](std::int64_t first, std::int64_t last) {
    for_stretches(tiles, begin, end, [&](std::int64_t n, const Stretch& at, std::int64_t place) {
      for (std::int64_t c = first; c < last; ++c) {
        transform(from + (n * channels + c) * tiles.frames, tiles.outputs, at, to + c * columns + place,
                  channels * columns);
      }
    });
  });
  return result;
}

torch::Tensor weight_gradient(const torch::Tensor& x, const torch::Tensor& gradient, std::int64_t kernel) {
  constexpr std::int64_t kColumnsAtOnce = 2048;
  const Tiling tiles = tiling(x, kernel);
  const torch::Tensor in = x.contiguous(), out = gradient.contiguous();
  torch::Tensor at_points = torch::zeros({kPoints, out.size(1), in.size(1)});
  for (std::int64_t begin = 0; begin < tiles.columns(); begin += kColumnsAtOnce) {
    const std::int64_t end = std::min(begin + kColumnsAtOnce, tiles.columns());
    const auto at_each = [&](const torch::Tensor& rows, const auto& transform) {
      return rows_at_points(rows, tiles, begin, end, transform);
    };
    const torch::Tensor values = at_each(in, [](auto... arguments) { to_points(arguments...); });
    const torch::Tensor gradients = at_each(out, [](auto... arguments) { gradient_to_points(arguments...); });
    for (std::int64_t i = 0; i < kPoints; ++i) at_points[i].addmm_(gradients[i], values[i].t());
  }
  return at_points.view({kPoints, -1}).t().mm(kernel_points(kernel)).view({out.size(1), in.size(1), kernel});
}

void check(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  const auto fits = [](const torch::Tensor& tensor, std::int64_t dimensions) {
    return tensor.is_cpu() && tensor.scalar_type() == torch::kFloat32 && tensor.dim() == dimensions;
  };
  if (!fits(x, 3) || !fits(weight, 3) || x.numel() == 0 || weight.size(1) != x.size(1) ||
      (weight.size(2) != 3 && weight.size(2) != 5) ||
      (bias.defined() && (!fits(bias, 1) || bias.size(0) != weight.size(0)))) {
    fail<NetworkError>(
        "Winograd's algorithm: expected float32 on the CPU, x [batch, c_in, frames], weight [c_out, c_in, 3 "
        "or 5] "
        "and bias [c_out] or none, found {}, {} and {}",
        c10::str(x.sizes()), c10::str(weight.sizes()), bias.defined() ? c10::str(bias.sizes()) : "none");
  }
}

class WinogradConv : public torch::autograd::Function<WinogradConv> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight, const torch::Tensor& bias) {
    context->save_for_backward({x, weight});
    context->saved_data["has_bias"] = bias.numel() > 0;
    return convolve(x, weight, bias);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor &x = saved[0], &weight = saved[1], &gradient = gradients[0];
    const bool has_bias = context->saved_data["has_bias"].toBool();
    const std::int64_t padding = weight.size(2) / 2;
    if (torch::GradMode::is_enabled()) {
      const auto [dx, dw, db] =
          at::convolution_backward(gradient, x, weight, std::vector<std::int64_t>{weight.size(0)}, {1},
                                   {padding}, {1}, false, {0}, 1, {true, true, has_bias});
      return {dx, dw, db};
    }
    const bool needs_x = context->needs_input_grad(0), needs_weight = context->needs_input_grad(1);
    return {needs_x ? convolve(gradient, weight.flip(2).transpose(0, 1), torch::empty({0})) : torch::Tensor(),
            needs_weight ? weight_gradient(x, gradient, weight.size(2)) : torch::Tensor(),
            has_bias ? gradient.sum(at::IntArrayRef{0, 2}) : torch::Tensor()};
  }
};

}  // namespace

void set_winograd(bool enabled) { switched_on() = enabled; }
bool winograd_enabled() { return switched_on(); }

bool winograd_fits(const torch::Tensor& x, const torch::Tensor& weight) {
  const std::int64_t kernel = weight.size(2);
  return winograd_enabled() && x.is_cpu() && weight.is_cpu() && x.scalar_type() == torch::kFloat32 &&
         weight.scalar_type() == torch::kFloat32 && !autocast_on_cpu() && (kernel == 3 || kernel == 5) &&
         std::min(weight.size(0), weight.size(1)) >= kLeastChannels && x.dim() == 3 && x.size(0) > 0 &&
         x.size(2) >= kLeastFrames;
}

torch::Tensor winograd_conv1d(const torch::Tensor& x, const torch::Tensor& weight,
                              const torch::Tensor& bias) {
  check(x, weight, bias);
  // A function's arguments must be defined.
  return WinogradConv::apply(x, weight, bias.defined() ? bias : torch::empty({0}, weight.options()));
}

}  // namespace partita::nn
