#pragma once

#include <deque>
#include <thread>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "worker/torch.h"

namespace sluice::dist {

// Sums over ranks of values that travel in bfloat16. Each rank rounds its values to the nearest
// bfloat16 and sends to every rank the part that this one sums; there the parts are added in
// float32 in the order of the ranks, the sum is rounded to bfloat16 once more, and every rank gets
// it. So all ranks have the same bits, which depend on nothing but the values: neither on timing
// nor on how a ring is laid. It is half of what float32 takes on the wire, and Gloo has no sum of
// its own for bfloat16.
//
// Collectives of several ranks must start in one order. Sums are therefore made on one thread, in
// the order of calls, over a group that nobody else uses.
class CompressedSum {
 public:
  // `group` is this object's alone.
  CompressedSum(c10::intrusive_ptr<c10d::ProcessGroup> group, int size);
  // Waits for what has begun, at most the group's timeout; what has not is given up.
  ~CompressedSum();
  CompressedSum(const CompressedSum&) = delete;
  CompressedSum& operator=(const CompressedSum&) = delete;

  // Sums `values` (contiguous, floating point, on the CPU) in place, beside the caller, who leaves
  // them alone until the future, which holds them, is completed. A sum that failed gives LibTorch's
  // exception to the future, and to all that come after it.
  c10::intrusive_ptr<c10::ivalue::Future> Sum(const torch::Tensor& values);
  // Bytes that a rank hands over for so many values.
  static uint64_t Bytes(int64_t values) { return 2 * static_cast<uint64_t>(values); }

 private:
  struct Job {
    torch::Tensor values;
    c10::intrusive_ptr<c10::ivalue::Future> done;
  };

  void Run();
  void SumNow(const torch::Tensor& values);

  c10::intrusive_ptr<c10d::ProcessGroup> group_;
  int size_;
  absl::Mutex mutex_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // The last one to be built: it reads all others.
};

}  // namespace sluice::dist
