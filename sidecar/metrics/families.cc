#include "sidecar/metrics/families.h"

#include <algorithm>
#include <limits>

#include "common/status.h"

namespace sluice::sidecar {
namespace {

void SetLabels(const Labels& labels, prometheus::ClientMetric& metric) {
  for (const auto& [name, value] : labels) metric.label.push_back({name, value});
}

}  // namespace

void FamilyBuilder::Open(const std::string& name, const std::string& help,
                         prometheus::MetricType type) {
  families_.push_back({name, help, type, {}});
}

void FamilyBuilder::Gauge(const std::string& name, const std::string& help) {
  Open(name, help, prometheus::MetricType::Gauge);
}

void FamilyBuilder::Counter(const std::string& name, const std::string& help) {
  Open(name, help, prometheus::MetricType::Counter);
}

void FamilyBuilder::Histogram(const std::string& name, const std::string& help) {
  Open(name, help, prometheus::MetricType::Histogram);
}

void FamilyBuilder::Add(const Labels& labels, double value) {
  prometheus::ClientMetric metric;
  SetLabels(labels, metric);
  if (families_.back().type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  families_.back().metric.push_back(std::move(metric));
}

void FamilyBuilder::AddHistogram(const Labels& labels, const std::vector<double>& uppers,
                                 const std::vector<uint64_t>& counts, double sum, bool open_ended) {
  SLUICE_CHECK(uppers.size() == counts.size());
  prometheus::ClientMetric metric;
  SetLabels(labels, metric);
  uint64_t total = 0;
  for (size_t i = 0; i < uppers.size(); ++i) {
    total += counts[i];
    if (open_ended && i + 1 == uppers.size()) break;
    metric.histogram.bucket.push_back({total, uppers[i]});
  }
  metric.histogram.bucket.push_back({total, std::numeric_limits<double>::infinity()});
  metric.histogram.sample_count = total;
  metric.histogram.sample_sum = sum;
  families_.back().metric.push_back(std::move(metric));
}

std::vector<prometheus::MetricFamily> FamilyBuilder::Take() {
  families_.erase(std::remove_if(families_.begin(), families_.end(),
                                 [](const auto& family) { return family.metric.empty(); }),
                  families_.end());
  return std::move(families_);
}

}  // namespace sluice::sidecar
