#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace sluice::sidecar {

// Value under which a share `q` in [0, 1] of `values` lies; 0 without values.
double Quantile(std::vector<double> values, double q);

// As Quantile, of the Prometheus histogram `name` in the text of a scrape, linear inside a bucket;
// of what was counted since `before`.
double HistogramQuantile(const std::string& before, const std::string& after,
                         const std::string& name, double q);

// Figures in order, each with a line for people: NAME: VALUE.
class Report {
 public:
  void Add(const std::string& name, double value);
  void Add(const std::string& name, const std::string& value);
  // Prints the lines, and the JSON object into `file` (- is standard output, "" nowhere).
  absl::Status Print(const std::string& file) const;

 private:
  nlohmann::ordered_json json_;
};

}  // namespace sluice::sidecar
