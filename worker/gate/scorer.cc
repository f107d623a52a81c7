#include "worker/gate/scorer.h"

#include "common/bad_value.h"

namespace sluice::gate {
namespace {

struct ScorerRow {
  const char* name;
  bool needs_head;
};

// In the order of the enumeration.
constexpr ScorerRow kScorers[] = {
    {"head", true},       {"information", true},      {"margin", true},
    {"attention", false}, {"class_attention", false}, {"random", false},
};

const ScorerRow& RowOf(Scorer scorer) { return kScorers[static_cast<size_t>(scorer)]; }

}  // namespace

const std::vector<std::string>& ScorerNames() {
  static const auto* const names = [] {
    auto* list = new std::vector<std::string>;
    for (const ScorerRow& row : kScorers) list->push_back(row.name);
    return list;
  }();
  return *names;
}

absl::StatusOr<Scorer> ParseScorer(const std::string& name) {
  return ParseName<Scorer>("gate.scorer", ScorerNames(), name);
}

std::string ScorerName(Scorer scorer) { return RowOf(scorer).name; }

bool NeedsHead(Scorer scorer) { return RowOf(scorer).needs_head; }

}  // namespace sluice::gate
