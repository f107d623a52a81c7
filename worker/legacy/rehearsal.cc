#include "worker/legacy/rehearsal.h"

#include <algorithm>
#include <cmath>

#include "common/philox.h"
#include "common/status.h"
#include "worker/data/sampler.h"

namespace sluice::legacy {
namespace {

// Ids of legacy images do not meet those of the run's own: caches go by them.
uint64_t LegacyId(size_t set, uint64_t id) {
  constexpr uint64_t kLegacy = uint64_t{1} << 63;
  constexpr int kSetShift = 48;
  return kLegacy | static_cast<uint64_t>(set) << kSetShift |
         (id & ((uint64_t{1} << kSetShift) - 1));
}

size_t Below(size_t count, double draw) {
  return std::min(count - 1, static_cast<size_t>(draw * static_cast<double>(count)));
}

}  // namespace

int64_t Rehearsed(double share, int64_t batch) {
  return std::llround(share * static_cast<double>(batch));
}

bool IsRehearsed(int64_t position, int64_t rehearsed, int64_t batch) {
  return (position + 1) * rehearsed / batch > position * rehearsed / batch;
}

Rehearsal::Rehearsal(std::vector<LegacySet> sets, const Options& options)
    : sets_(std::move(sets)), options_(options) {
  options_.pipeline.domain = data::Domain::kNone;
}

Replayed Rehearsal::Mix(double share, uint64_t draw, data::Batch& batch) const {
  Replayed replayed;
  const int64_t whole = batch.global_count > 0 ? batch.global_count : options_.batch;
  const int64_t rehearsed = Rehearsed(share, whole);
  if (sets_.empty() || rehearsed == 0) return replayed;
  const data::IndexRange mine = data::RankShare(whole, options_.rank, options_.ranks);
  SLUICE_CHECK(mine.size() == batch.count);
  for (int64_t i = 0; i < batch.count; ++i) {
    const int64_t position = mine.begin + i;
    if (!IsRehearsed(position, rehearsed, whole)) continue;
    const auto uniform = [&](uint32_t what) {
      return UniformDraw(options_.seed, DrawPurpose::kRehearsal, draw,
                         static_cast<uint64_t>(position), what);
    };
    const size_t which = Below(sets_.size(), uniform(0));
    const LegacySet& set = sets_[which];
    const size_t index = Below(set.labels.size(), uniform(1));
    data::Sample sample = set.Get(static_cast<int64_t>(index));
    sample.id = LegacyId(which, sample.id);
    // Each time it is augmented anew, as a new epoch's image would be.
    const data::Image image =
        data::RunPipeline(options_.pipeline, sample, static_cast<int64_t>(draw));
    std::copy(image.pixels.begin(), image.pixels.end(),
              batch.images.begin() + i * batch.shape.size());
    batch.labels[i] = sample.label;
    batch.ids[i] = sample.id;
    replayed.positions.push_back(i);
    const auto row = set.logits.begin() + static_cast<int64_t>(index * set.class_names.size());
    replayed.logits.insert(replayed.logits.end(), row,
                           row + static_cast<int64_t>(set.class_names.size()));
  }
  return replayed;
}

}  // namespace sluice::legacy
