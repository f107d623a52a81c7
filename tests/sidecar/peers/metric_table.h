#pragma once

#include <map>
#include <set>
#include <string>

namespace sluice::sidecar::testing {

// What is said of one metric family, by the README or by a scrape.
struct MetricFacts {
  std::string type;              // counter, gauge or histogram.
  std::set<std::string> labels;  // Without `run`, which nearly all have, and a histogram's `le`.

  bool operator==(const MetricFacts&) const = default;
};

// By name of the family.
using MetricTable = std::map<std::string, MetricFacts>;

// The table of the section "## Metrics" of a README. Its cells are `name{label,…}` in backquotes,
// several of them separated by commas, then the type.
MetricTable MetricsOfReadme(const std::string& text);

// The families of a scrape in the text format. `sluice_` begins the name of each.
MetricTable MetricsOfScrape(const std::string& text);

// The same as a table in Markdown, by name, with all labels but `le` and the help texts.
std::string ReferenceOfScrape(const std::string& text);

}  // namespace sluice::sidecar::testing
