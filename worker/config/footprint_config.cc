#include "worker/config/footprint_config.h"

namespace sluice::config {

void DefineFootprintOptions(OptionSet& o, FootprintConfig& c) {
  o.Number("footprint.rate", &c.rate, 0, 1,
           "Share of attention heads and of MLPs that may change in a step; 1: all");
  o.Choice("footprint.scorer", &c.scorer, gate::FootprintScorerNames(),
           "Which: those of the most uncertain attention, or any");
  o.Integer("footprint.every", &c.every, 1, 1'000'000'000, "Steps between two decisions");
  o.Flag("footprint.rest", &c.rest, "Embeddings, final norm and classifier may change");
}

gate::FootprintSettings ResolveFootprint(const FootprintConfig& config) {
  gate::FootprintSettings settings;
  settings.rate = config.rate;
  settings.scorer = gate::ParseFootprintScorer(config.scorer).value();
  settings.every = config.every;
  settings.rest = config.rest;
  return settings;
}

}  // namespace sluice::config
