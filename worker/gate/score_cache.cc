#include "worker/gate/score_cache.h"

#include <algorithm>

namespace sluice::gate {

void ScoreCache::Store(const CachedScore& score) {
  const auto [it, is_new] = scores_.try_emplace(score.id, score);
  if (!is_new && score.epoch >= it->second.epoch) it->second = score;
}

std::optional<double> ScoreCache::Find(uint64_t id, int64_t epoch, int64_t ttl) const {
  const auto it = scores_.find(id);
  if (it == scores_.end() || epoch - it->second.epoch > ttl) return std::nullopt;
  return it->second.score;
}

std::vector<CachedScore> ScoreCache::All() const {
  std::vector<CachedScore> all;
  all.reserve(scores_.size());
  for (const auto& [id, score] : scores_) all.push_back(score);
  std::sort(all.begin(), all.end(),
            [](const CachedScore& a, const CachedScore& b) { return a.id < b.id; });
  return all;
}

}  // namespace sluice::gate
