#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <string>
#include <vector>

#include "partita/io/safetensors.hpp"
#include "partita/training/error.hpp"

namespace partita::training {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
  bool fused = true;  ///< update float32 tensors in one pass over memory, not one an operation
};

/// AdamW (Loshchilov & Hutter 2019) over a module's parameters, as torch::optim::AdamW, with moments
/// that are named tensors.
class AdamW {
 public:
  AdamW(const torch::nn::Module& module, const AdamWOptions& options);

  /// Forgets the gradients or, without `set_to_none`, fills them with zeros where they are.
  void zero_grad(bool set_to_none = true);
  /// Those of the parameters that have one.
  [[nodiscard]] std::vector<torch::Tensor> gradients() const;
  /// The global norm of all gradients, a scalar tensor; gradients are scaled down to `max_norm` where
  /// it is larger (0: never).
  torch::Tensor clip_gradients(double max_norm);
  /// One update; parameters without a gradient stay as they are.
  void step(double learning_rate);

  /// "exp_avg.<parameter>" and "exp_avg_sq.<parameter>", aliases of the moments.
  [[nodiscard]] io::TensorMap state() const;
  /// Copies moments back in and sets the count of updates. Throws TrainingError naming a moment that
  /// is missing, unexpected or of another shape.
  void load_state(const io::TensorMap& state, std::int64_t steps);
  [[nodiscard]] std::int64_t steps() const { return steps_; }

 private:
  struct Active;
  struct Rates;
  void update_each(const Active& active, const Rates& rates) const;
  void update_fused(const Active& active, double learning_rate) const;

  AdamWOptions options_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> parameters_, exp_avg_, exp_avg_sq_;
  std::int64_t steps_ = 0;
};

/// A stretch of training with a learning rate of its own.
struct Stage {
  std::string name;
  std::int64_t steps = 0;
  double learning_rate = 0.0;
  double final_learning_rate = 0.0;
  std::int64_t warmup_steps = 0;
  double epochs = 0.0;  ///< steps as passes over the training clips, where more than 0
};

/// Linear warm-up from learning_rate / warmup_steps, then half a cosine down to final_learning_rate.
/// `step` counts from 0 within the stage.
[[nodiscard]] double learning_rate(const Stage& stage, std::int64_t step);

}  // namespace partita::training
