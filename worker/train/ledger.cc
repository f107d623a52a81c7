#include "worker/train/ledger.h"

#include "common/median.h"

namespace sluice::train {

double TimeSaved(const LedgerEntry& entry, double step_seconds, int64_t micro_steps) {
  const double dense =
      step_seconds + static_cast<double>(micro_steps) * (entry.dense_seconds - entry.gated_seconds);
  return dense > 0.0 ? 1.0 - step_seconds / dense : 0.0;
}

Savings Summarise(const std::vector<LedgerEntry>& entries, const std::vector<double>& time_saved) {
  std::vector<double> flops, bytes;
  for (const LedgerEntry& e : entries) {
    flops.push_back(1.0 - e.flops_ratio);
    if (e.dense_bytes > 0) {
      bytes.push_back(1.0 -
                      static_cast<double>(e.gated_bytes) / static_cast<double>(e.dense_bytes));
    }
  }
  return {static_cast<int64_t>(entries.size()), Median(time_saved), Median(flops), Median(bytes)};
}

}  // namespace sluice::train
