#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace sluice::gate {

// An image's own score and when it was measured.
struct CachedScore {
  uint64_t id = 0;
  double score = 0.0;  // In [0, 1].
  int64_t epoch = 0;

  bool operator==(const CachedScore&) const = default;
};

// The newest score of every image by its id. Not thread-safe.
class ScoreCache {
 public:
  // Keeps a score unless there is one of a later epoch.
  void Store(const CachedScore& score);
  // The image's score, if it was measured at most `ttl` epochs before `epoch`.
  std::optional<double> Find(uint64_t id, int64_t epoch, int64_t ttl) const;
  size_t size() const { return scores_.size(); }

  // All of them by rising id, for checkpoints.
  std::vector<CachedScore> All() const;

 private:
  std::unordered_map<uint64_t, CachedScore> scores_;
};

}  // namespace sluice::gate
