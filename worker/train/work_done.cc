#include "worker/train/work_done.h"

#include <algorithm>
#include <cstring>

#include "common/status.h"

namespace sluice::train {

absl::StatusOr<std::vector<Counters>> GatherCounters(dist::Group& group, const Counters& counters) {
  if (group.size() == 1) return std::vector<Counters>{counters};
  torch::Tensor bytes = torch::empty({static_cast<int64_t>(sizeof(Counters))}, torch::kByte);
  std::memcpy(bytes.data_ptr(), &counters, sizeof(Counters));
  SLUICE_ASSIGN_OR_RETURN(const std::vector<torch::Tensor> all, group.Gather(bytes));
  std::vector<Counters> result(all.size());
  for (size_t r = 0; r < all.size(); ++r) {
    std::memcpy(static_cast<void*>(&result[r]), all[r].data_ptr(), sizeof(Counters));
  }
  return result;
}

WorkDone Total(const std::vector<Counters>& ranks) {
  WorkDone work;
  for (const Counters& c : ranks) {
    work.steps = std::max(work.steps, c.steps);
    work.images_open += c.images_open;
    work.images_skipped += c.images_skipped;
    if (c.layer_count == 0) continue;
    const LayerCounters& last = c.layers[c.layer_count - 1];
    work.tokens_open += last.tokens_open;
    work.tokens_closed += last.tokens_closed;
  }
  return work;
}

}  // namespace sluice::train
