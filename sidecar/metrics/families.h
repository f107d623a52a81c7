#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sluice::sidecar {

using Labels = std::vector<std::pair<std::string, std::string>>;

// Builds metric families in the order in which they are first named. Not thread-safe.
class FamilyBuilder {
 public:
  // Name and help text of a family; the samples that follow belong to it.
  void Gauge(const std::string& name, const std::string& help);
  void Counter(const std::string& name, const std::string& help);
  void Histogram(const std::string& name, const std::string& help);

  void Add(const Labels& labels, double value);
  // `uppers` are the buckets' upper edges and `counts` their own counts; the last bucket's edge is
  // taken as infinity if `open_ended`.
  void AddHistogram(const Labels& labels, const std::vector<double>& uppers,
                    const std::vector<uint64_t>& counts, double sum, bool open_ended);

  // The families that have samples.
  std::vector<prometheus::MetricFamily> Take();

 private:
  void Open(const std::string& name, const std::string& help, prometheus::MetricType type);

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace sluice::sidecar
