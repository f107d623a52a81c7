#include "worker/gate/scorer.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::gate {
namespace {

struct ScorerRow {
  Scorer scorer;
  const char* name;
  bool needs_head;
};

constexpr ScorerRow kScorers[] = {
    {Scorer::kHead, "head", true},
    {Scorer::kInformation, "information", true},
    {Scorer::kMargin, "margin", true},
    {Scorer::kAttention, "attention", false},
    {Scorer::kClassAttention, "class_attention", false},
    {Scorer::kRandom, "random", false},
};

const ScorerRow& RowOf(Scorer scorer) {
  for (const ScorerRow& row : kScorers) {
    if (row.scorer == scorer) return row;
  }
  return kScorers[0];
}

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
  for (const ScorerRow& row : kScorers) {
    if (name == row.name) return row.scorer;
  }
  return absl::InvalidArgumentError(absl::StrCat("gate.scorer is '", name, "', expected one of ",
                                                 absl::StrJoin(ScorerNames(), ", ")));
}

std::string ScorerName(Scorer scorer) { return RowOf(scorer).name; }

bool NeedsHead(Scorer scorer) { return RowOf(scorer).needs_head; }

}  // namespace sluice::gate
