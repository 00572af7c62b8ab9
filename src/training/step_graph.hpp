#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>

#include "partita/training/loop.hpp"

namespace partita::training {

/// The pass of a step, from inputs to loss and gradients, as a CUDA graph: a device records it once and then
/// launches it as a whole, where thousands of small kernels would each cost the host a launch. The first
/// passes run as they are, while libraries choose their algorithms. Inputs are copied to where the recording
/// reads them. On a CPU every pass runs as it is, on such copies.
///
/// For as long as this lives its thread's work on the device goes to a stream of its own, since the default
/// one cannot be recorded.
class StepGraph {
 public:
  /// A pass returns a loss without its history, and adds to the gradients that are there.
  using Pass = std::function<torch::Tensor(const Inputs&)>;

  StepGraph(torch::Device device, Pass pass);
  ~StepGraph();
  StepGraph(const StepGraph&) = delete;
  StepGraph& operator=(const StepGraph&) = delete;

  /// A pass; its loss. Throws TrainingError for inputs of other shapes than those of the passes before, and
  /// where the pass cannot be recorded.
  torch::Tensor run(const Inputs& inputs);
  /// The passes that follow are others, or their gradients lie elsewhere.
  void forget();

 private:
  class Recorder;
  void take(const Inputs& inputs);

  Pass pass_;
  Inputs inputs_;       ///< that the recording reads
  torch::Tensor loss_;  ///< that it writes
  std::unique_ptr<Recorder> recorder_;
};

}  // namespace partita::training
