#include "step_graph.hpp"

#include <exception>
#include <optional>
#include <utility>

#include "partita/base/text.hpp"

#ifdef PARTITA_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#endif

namespace partita::training {

#ifdef PARTITA_CUDA

/// The stream and, after some passes, the graph of a CUDA device; nothing on a CPU.
class StepGraph::Recorder {
 public:
  explicit Recorder(torch::Device device) {
    if (!device.is_cuda()) return;
    const c10::cuda::CUDAGuard on_device(device);
    c10::cuda::device_synchronize();  // the weights are still being filled on the stream so far
    stream_.emplace(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index()));
  }
  ~Recorder() {
    if (stream_) static_cast<void>(cudaStreamSynchronize(stream_->current_stream().stream()));
  }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// Whether `pass` is recorded, now or before.
  bool recorded(const std::function<void()>& pass) {
    if (stream_ && graph_ == nullptr && passes_++ == kWarmUps) record(pass);
    return graph_ != nullptr;
  }
  void replay() { graph_->replay(); }
  void forget() {
    if (stream_) stream_->current_stream().synchronize();
    graph_.reset();
    passes_ = 0;
  }

 private:
  static constexpr std::int64_t kWarmUps = 3;

  void record(const std::function<void()>& pass) {
    auto graph = std::make_unique<at::cuda::CUDAGraph>();
    graph->capture_begin();
    try {
      pass();
      graph->capture_end();
    } catch (const std::exception& error) {
      abandon(*graph);
      fail<TrainingError>(
          "this step cannot be recorded as a CUDA graph ({}): set training.cuda_graph = false",
          first_line(error.what()));
    }
    graph_ = std::move(graph);
  }

  /// The stream records no more.
  static void abandon(at::cuda::CUDAGraph& graph) noexcept {
    try {
      graph.capture_end();
    } catch (const std::exception&) {
      // A recording that went wrong ends with an error, too.
    }
  }

  std::optional<c10::cuda::CUDAStreamGuard> stream_;
  std::unique_ptr<at::cuda::CUDAGraph> graph_;
  std::int64_t passes_ = 0;
};

#else

class StepGraph::Recorder {
 public:
  explicit Recorder(torch::Device /*device*/) {}
  static bool recorded(const std::function<void()>& /*pass*/) { return false; }
  static void replay() {}
  static void forget() {}
};

#endif

StepGraph::StepGraph(torch::Device device, Pass pass)
    : pass_(std::move(pass)), recorder_(std::make_unique<Recorder>(device)) {}

StepGraph::~StepGraph() = default;

void StepGraph::take(const Inputs& inputs) {
  if (inputs_.empty()) {
    inputs_.reserve(inputs.size());
    for (const torch::Tensor& input : inputs) inputs_.push_back(input.clone());
    return;
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].sizes() != inputs_.at(i).sizes()) {
      fail<TrainingError>(
          "inputs of a step are {}, those before were {}: one recording cannot stand for both; set "
          "training.cuda_graph = false",
          c10::str(inputs[i].sizes()), c10::str(inputs_[i].sizes()));
    }
    inputs_[i].copy_(inputs[i], /*non_blocking=*/true);
  }
}

torch::Tensor StepGraph::run(const Inputs& inputs) {
  take(inputs);
  if (!recorder_->recorded([this] { loss_ = pass_(inputs_); })) return pass_(inputs_);
  recorder_->replay();
  return loss_.clone();
}

void StepGraph::forget() {
  recorder_->forget();
  inputs_.clear();
  loss_ = torch::Tensor();
}

}  // namespace partita::training
