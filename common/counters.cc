#include "common/counters.h"

#include <algorithm>

namespace sluice {
namespace {

// Applies `op(to, from)` to every cumulative member of two counters.
template <typename Op>
void Combine(const Counters& from, Counters& to, Op op) {
  op(to.steps, from.steps);
  op(to.images_open, from.images_open);
  op(to.images_skipped, from.images_skipped);
  op(to.backward_steps, from.backward_steps);
  to.layer_count = std::max(to.layer_count, from.layer_count);
  for (uint32_t i = 0; i < from.layer_count; ++i) {
    LayerCounters& t = to.layers[i];
    const LayerCounters& f = from.layers[i];
    t.layer = f.layer;
    op(t.tokens_open, f.tokens_open);
    op(t.tokens_closed, f.tokens_closed);
    op(t.score_sum_micro, f.score_sum_micro);
    op(t.score_square_sum_micro, f.score_square_sum_micro);
    for (int b = 0; b < kScoreBins; ++b) {
      op(t.score_histogram[b], f.score_histogram[b]);
    }
  }
  for (auto [t, f] : {std::pair{&to.gate_decision, &from.gate_decision},
                      std::pair{&to.step, &from.step}, std::pair{&to.inference, &from.inference}}) {
    for (int b = 0; b < kLatencyBins; ++b) {
      op(t->bins[b], f->bins[b]);
    }
    op(t->sum_micros, f->sum_micros);
  }
}

}  // namespace

void Add(const Counters& from, Counters& to) {
  Combine(from, to, [](uint64_t& t, uint64_t f) { t += f; });
}

Counters Subtract(const Counters& later, const Counters& earlier) {
  Counters result = later;
  Combine(earlier, result, [](uint64_t& t, uint64_t f) { t = t > f ? t - f : 0; });
  return result;
}

}  // namespace sluice
