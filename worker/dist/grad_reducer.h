#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "worker/dist/compression.h"
#include "worker/dist/overlap_meter.h"
#include "worker/dist/process_group.h"
#include "worker/torch.h"

namespace c10d {
class Reducer;
}

namespace sluice::dist {

// Part of a parameter that may change: `rows` runs of `columns` values, `stride` apart, from
// element `offset` on.
struct OpenSlice {
  int64_t offset = 0;
  int64_t rows = 1;
  int64_t columns = 0;
  int64_t stride = 0;
};
using OpenSlices = std::vector<OpenSlice>;  // Of one parameter, without overlaps.

// Sums gradients over ranks while the backward runs: c10d's Reducer with a hook that sums (its
// default averages). Buckets are never rebuilt, because that would change the order of summation
// and with it a resumed run. Every parameter must get a gradient in each reduced backward: add
// TouchAll to the loss of a rank that has nothing open.
class GradReducer {
 public:
  // `parameters` require gradients; same order and shapes on every rank. One rank needs no reducer
  // and sends nothing. Compression needs the group's second one, and tensors on the CPU.
  GradReducer(const Group& group, const std::vector<torch::Tensor>& parameters,
              const std::vector<std::string>& names, Compression compression = Compression::kNone);
  ~GradReducer();
  GradReducer(const GradReducer&) = delete;
  GradReducer& operator=(const GradReducer&) = delete;

  // Backward of a micro-step whose gradients stay on this rank (reduce = false) or are summed over
  // ranks with all that was accumulated before. Gradients are complete when it returns.
  absl::Status Backward(const torch::Tensor& loss, bool reduce);

  // From now on only `open` (one list per parameter, the same on all ranks; empty: everything) is
  // sent and summed; what is not in it must have no gradient. Losses may then leave parameters out.
  void SetOpen(std::vector<OpenSlices> open);
  // Bytes of gradients that this rank handed over to be summed so far.
  uint64_t bytes_sent() const;
  // Of the backwards since the last call.
  Traffic TakeTraffic();

 private:
  struct State;
  class SumHook;

  std::unique_ptr<State> state_;
  std::unique_ptr<c10d::Reducer> reducer_;
};

// A zero that depends on every parameter, so that each gets a gradient of zeros.
torch::Tensor TouchAll(const std::vector<torch::Tensor>& parameters);
// The same without gradients: each parameter is reached by the backward, and that is all.
torch::Tensor ReachAll(const std::vector<torch::Tensor>& parameters);

}  // namespace sluice::dist
