#include "worker/train/ledger.h"

#include <algorithm>

namespace sluice::train {
namespace {

double MiddleOf(std::vector<double> values) {
  if (values.empty()) return 0.0;
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

}  // namespace

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
  return {static_cast<int64_t>(entries.size()), MiddleOf(time_saved), MiddleOf(flops),
          MiddleOf(bytes)};
}

}  // namespace sluice::train
