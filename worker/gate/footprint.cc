#include "worker/gate/footprint.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/bad_value.h"
#include "common/philox.h"
#include "common/status.h"

namespace sluice::gate {
namespace {

// The largest `rate` of `scores`, as 0 and 1.
std::vector<uint8_t> LargestShare(const std::vector<double>& scores, double rate) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  std::vector<uint8_t> open(scores.size(), 0);
  const auto count = static_cast<size_t>(std::llround(rate * static_cast<double>(scores.size())));
  for (size_t i = 0; i < count; ++i) open[order[i]] = 1;
  return open;
}

int64_t Number(const std::string& text) {
  int64_t value = 0;
  SLUICE_CHECK(absl::SimpleAtoi(text, &value));
  return value;
}

}  // namespace

const std::vector<std::string>& FootprintScorerNames() {
  static const std::vector<std::string> names = {"attention", "random"};
  return names;
}

absl::StatusOr<FootprintScorer> ParseFootprintScorer(const std::string& name) {
  return ParseName<FootprintScorer>("footprint.scorer", FootprintScorerNames(), name);
}

bool Footprint::BlockIsOpen(int64_t block) const {
  return mlp[block] != 0 || std::any_of(heads[block].begin(), heads[block].end(),
                                        [](uint8_t open) { return open != 0; });
}

Footprint DecideFootprint(const FootprintSettings& settings, int64_t depth, int64_t heads,
                          std::span<const double> entropies, const DrawKey& key) {
  std::vector<double> head_scores(static_cast<size_t>(depth * heads));
  std::vector<double> block_scores(static_cast<size_t>(depth), 0.0);
  SLUICE_CHECK(settings.scorer == FootprintScorer::kRandom ||
               entropies.size() == head_scores.size());
  for (size_t i = 0; i < head_scores.size(); ++i) {
    head_scores[i] = settings.scorer == FootprintScorer::kRandom
                         ? UniformDraw(key.seed, DrawPurpose::kFootprint, key.step, i, 0)
                         : entropies[i];
    if (std::isnan(head_scores[i])) head_scores[i] = 0.0;
    block_scores[i / heads] += head_scores[i];
  }
  Footprint result;
  const std::vector<uint8_t> open = LargestShare(head_scores, settings.rate);
  for (int64_t block = 0; block < depth; ++block) {
    result.heads.emplace_back(open.begin() + block * heads, open.begin() + (block + 1) * heads);
  }
  result.mlp = LargestShare(block_scores, settings.rate);
  result.rest = result.classifier = settings.rest;
  return result;
}

Footprint FrozenBackbone(int64_t depth, int64_t heads) {
  Footprint result;
  result.heads.assign(static_cast<size_t>(depth), std::vector<uint8_t>(heads, 0));
  result.mlp.assign(static_cast<size_t>(depth), 0);
  result.rest = false;
  return result;
}

bool MayChange(const Footprint& footprint, const std::string& group) {
  if (absl::StartsWith(group, "gate.")) return true;
  if (group == "head") return footprint.classifier;
  if (!absl::StartsWith(group, "blocks.")) return footprint.rest;
  const std::vector<std::string> parts = absl::StrSplit(group, '.');
  const int64_t block = Number(parts[1]);
  if (parts.size() == 2) return footprint.BlockIsOpen(block);
  if (parts.back() == "adapter" || parts[2] == "mlp") return footprint.mlp[block] != 0;
  return footprint.heads[block][Number(parts.back())] != 0;
}

}  // namespace sluice::gate
