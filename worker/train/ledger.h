#pragma once

#include <cstdint>
#include <vector>

namespace sluice::train {

// One measurement of what the gates save: the same batch on this rank, densely and gated. Forward
// and backward count, with what they wait for other ranks; loading and the optimizer do not.
struct LedgerEntry {
  int64_t step = 0;
  double dense_seconds = 0.0;
  double gated_seconds = 0.0;
  // Bytes of tensors that the forward keeps for the backward; 0 on a GPU, where they are not
  // counted.
  int64_t dense_bytes = 0;
  int64_t gated_bytes = 0;
  double flops_ratio = 1.0;  // Counted arithmetic, gated over dense; worker/gate/flops.h.

  bool operator==(const LedgerEntry&) const = default;
};

// Shares of a dense step that gated ones save; medians over measurements, each in its own right.
struct Savings {
  int64_t measurements = 0;
  double time = 0.0;
  double flops = 0.0;
  double bytes = 0.0;

  bool operator==(const Savings&) const = default;
};

// 1 - a gated step of `step_seconds` over the dense step it stands for: the same with the entry's
// dense forward and backward instead of its gated ones, `micro_steps` times. Negative if the gate
// costs more than it saves.
double TimeSaved(const LedgerEntry& entry, double step_seconds, int64_t micro_steps);

// `time_saved`: TimeSaved of each entry.
Savings Summarise(const std::vector<LedgerEntry>& entries, const std::vector<double>& time_saved);

}  // namespace sluice::train
