#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <string>
#include <utility>
#include <vector>

#include "common/security/refusal_tally.h"
#include "sidecar/engine/view_hub.h"

namespace sluice::sidecar {

// Every metric of a view (DESIGN, section 8), with help and units. Labels are run, layer, probe,
// result, alert, state, split and reason: never a rank or free text. Pure.
std::vector<prometheus::MetricFamily> MetricsOf(const View& view);

// Renders the newest view of a hub; nothing is counted on the ingest path. Thread-safe.
class ViewCollectable : public prometheus::Collectable {
 public:
  // `state`: the folder whose disk is looked at with each scrape; "" for none. `tally` (may be
  // null): what was refused before it came to the view's engine.
  explicit ViewCollectable(const ViewHub* hub, std::string state = "",
                           const security::RefusalTally* tally = nullptr)
      : hub_(hub), state_(std::move(state)), tally_(tally) {}
  std::vector<prometheus::MetricFamily> Collect() const override;
  // The same in Prometheus's text format.
  std::string Text() const;

 private:
  const ViewHub* hub_;
  std::string state_;
  const security::RefusalTally* tally_;
};

}  // namespace sluice::sidecar
