#include "sidecar/metrics/health_metrics.h"

#include <algorithm>

namespace sluice::sidecar {
namespace {

void AddAlerts(const View& view, FamilyBuilder& families) {
  families.Gauge("sluice_alerts_firing", "1 while an alert fires, else 0.");
  for (const auto& run : view.runs) {
    const std::vector<Alert>& firing = run->record.alerts.firing;
    for (const char* name : kAlertNames) {
      const bool fires = std::any_of(firing.begin(), firing.end(),
                                     [name](const Alert& alert) { return alert.name == name; });
      families.Add({{"run", run->record.run}, {"alert", name}}, fires ? 1.0 : 0.0);
    }
  }
}

void AddProbes(const View& view, FamilyBuilder& families) {
  families.Gauge("sluice_probe_loss_delta_ratio",
                 "Relative increase of a legacy probe's loss over its baseline.");
  for (const auto& run : view.runs) {
    for (const auto& [name, probe] : run->record.probes) {
      if (name == kOtherProbes) continue;
      families.Add({{"run", run->record.run}, {"probe", name}}, probe.delta);
    }
  }
  families.Counter("sluice_probe_checks_total",
                   "Checks of a legacy probe: its loss rose by more than 2 % or twice the "
                   "standard error (worse), or did not (ok). Probes beyond a bound share a label.");
  for (const auto& run : view.runs) {
    for (const auto& [name, probe] : run->record.probes) {
      const Labels labels = {{"run", run->record.run}, {"probe", name}};
      for (const auto& [result, count] : {std::pair{"ok", probe.ok}, {"worse", probe.worse}}) {
        Labels with_result = labels;
        with_result.emplace_back("result", result);
        families.Add(with_result, static_cast<double>(count));
      }
    }
  }
}

}  // namespace

void AddHealthMetrics(const View& view, FamilyBuilder& families) {
  AddAlerts(view, families);
  AddProbes(view, families);
}

}  // namespace sluice::sidecar
