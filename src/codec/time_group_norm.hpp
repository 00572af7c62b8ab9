#pragma once

#include <torch/types.h>

namespace partita::codec {

/// Group normalisation with one group, over all channels and samples of each item (official
/// "time_group_norm"): x `[batch, sample, channel]`, float32 and contiguous on the CPU, in place, on all
/// cores whatever the batch. torch::group_norm has one core an item and writes a new tensor.
void normalise_in_place(torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                        double epsilon);

}  // namespace partita::codec
