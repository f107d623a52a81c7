#include "sidecar/ctl/breaker_format.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sidecar/ctl/format.h"
#include "sidecar/ctl/table.h"

namespace sluice::ctl {

std::string ActionText(v1::BreakerAction action) {
  switch (action) {
    case v1::BREAKER_ACTION_TIGHTEN:
      return "tighten the gates";
    case v1::BREAKER_ACTION_REHEARSE:
      return "rehearse";
    case v1::BREAKER_ACTION_FREEZE_BACKBONE:
      return "freeze the backbone";
    case v1::BREAKER_ACTION_ROLL_BACK:
      return "roll back";
    default:
      return "none";
  }
}

std::string ProbeTable(const v1::RunState& state) {
  std::vector<std::vector<std::string>> rows;
  for (const v1::ProbeState& probe : state.probes()) {
    const bool known = probe.limit() > 0.0;
    rows.push_back({probe.probe(), absl::StrCat(probe.step()),
                    known ? absl::StrFormat("%+.4f", probe.loss_delta()) : "-",
                    FixedOr(known, probe.limit(), 4), absl::StrCat(probe.checks_ok()),
                    absl::StrCat(probe.checks_worse()), absl::StrCat(probe.worse_in_a_row()),
                    absl::StrCat(probe.calm_in_a_row())});
  }
  return Table({{"PROBE", true},
                {"STEP"},
                {"LOSS DELTA"},
                {"LIMIT"},
                {"OK"},
                {"WORSE"},
                {"WORSE IN A ROW"},
                {"CALM IN A ROW"}},
               rows);
}

std::string BreakerText(const v1::RunState& state) {
  const v1::BreakerState& breaker = state.breaker();
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"run", state.run()},
      {"breaker level", absl::StrCat(breaker.level(), " of ", breaker.highest_level(), " allowed")},
      {"action", ActionText(state.directive().breaker_action())},
      {"rehearsal share", Fixed(state.directive().rehearsal_share(), 3)},
      {"roll-backs", absl::StrCat(breaker.rollbacks(), " of ", breaker.most_rollbacks())},
      {"since step", absl::StrCat(breaker.since_step())},
      {"reason", breaker.reason().empty() ? "-" : OneLine(breaker.reason())}};
  std::string text = KeyValues(pairs);
  if (state.probes_size() > 0) absl::StrAppend(&text, "\n", ProbeTable(state));
  return text;
}

}  // namespace sluice::ctl
