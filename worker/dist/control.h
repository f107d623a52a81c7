#pragma once

#include <cstdint>

#include "worker/dist/process_group.h"
#include "worker/torch.h"

namespace sluice::dist {

// What one rank puts into a step's control vector. Every decision that changes a collective comes
// from the sums.
struct ControlInput {
  int64_t images = 0;
  int64_t images_open = 0;
  int64_t tokens = 0;  // Patch tokens of the batch.
  int64_t tokens_open = 0;
  bool stop = false;             // Wants to end after this step.
  bool pause = false;            // Wants to pause after it,
  bool checkpoint = false;       // to save a checkpoint after it,
  bool resume = false;           // and, while paused, to go on.
  uint64_t applied_version = 0;  // Directive under which this rank runs the step.
  uint64_t offered_version = 0;  // Rank 0 only: a directive for the next step, 0 for none,
  int64_t offered_bytes = 0;     // and the size of its text.
};

// The sums over all ranks.
struct ControlResult {
  int64_t images = 0;
  int64_t images_open = 0;
  int64_t tokens = 0;
  int64_t tokens_open = 0;
  bool stop = false;
  bool pause = false;
  bool checkpoint = false;
  bool resume = false;
  bool versions_agree = true;
  uint64_t offered_version = 0;
  int64_t offered_bytes = 0;
};

// One step's control all-reduce, and that of the step's loss. Start as soon as the gate has
// decided: the sum overlaps the rest of the forward and the backward.
class ControlExchange {
 public:
  explicit ControlExchange(Group& group) : group_(group) {}

  void Start(const ControlInput& input);
  // Sum of `values` (doubles) over ranks, started now and read after Finish.
  void StartStatistics(const std::vector<double>& values);
  absl::StatusOr<ControlResult> Finish();
  const std::vector<double>& statistics() const { return statistics_; }

 private:
  Group& group_;
  torch::Tensor vector_;
  torch::Tensor statistics_tensor_;
  c10::intrusive_ptr<c10d::Work> work_;
  c10::intrusive_ptr<c10d::Work> statistics_work_;
  std::vector<double> statistics_;
};

// Versions of all ranks, for the message when they do not agree. A collective: all ranks call it.
absl::Status DescribeMismatch(Group& group, uint64_t applied_version, uint64_t step);

}  // namespace sluice::dist
