#include "sidecar/bench/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"

namespace sluice::sidecar {
namespace {

// Cumulative counts by upper edge.
std::map<double, double> Buckets(const std::string& text, const std::string& name) {
  std::map<double, double> buckets;
  const std::string prefix = absl::StrCat(name, "_bucket{le=\"");
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(line, prefix)) continue;
    const std::vector<std::string> parts = absl::StrSplit(line.substr(prefix.size()), "\"} ");
    double edge = 0.0, count = 0.0;
    if (parts.size() != 2 || !absl::SimpleAtod(parts[1], &count)) continue;
    if (!absl::SimpleAtod(parts[0], &edge)) continue;
    buckets[edge] = count;
  }
  return buckets;
}

}  // namespace

double Quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  const auto index = static_cast<size_t>(std::ceil(q * static_cast<double>(values.size())));
  return values[std::min(values.size() - 1, index == 0 ? 0 : index - 1)];
}

double HistogramQuantile(const std::string& before, const std::string& after,
                         const std::string& name, double q) {
  const std::map<double, double> old = Buckets(before, name);
  std::map<double, double> buckets = Buckets(after, name);
  for (auto& [edge, count] : buckets) {
    const auto former = old.find(edge);
    if (former != old.end()) count -= former->second;
  }
  if (buckets.empty()) return 0.0;
  const double wanted = q * buckets.rbegin()->second;
  double low = 0.0, below = 0.0;
  for (const auto& [edge, count] : buckets) {
    if (count >= wanted && count > below) {
      if (!std::isfinite(edge)) return low;
      return low + (edge - low) * (wanted - below) / (count - below);
    }
    low = edge;
    below = count;
  }
  return low;
}

void Report::Add(const std::string& name, double value) { json_[name] = value; }

void Report::Add(const std::string& name, const std::string& value) { json_[name] = value; }

absl::Status Report::Print(const std::string& file) const {
  if (file == "-") {
    std::printf("%s\n", json_.dump(2).c_str());
    return absl::OkStatus();
  }
  for (const auto& [name, value] : json_.items()) {
    const std::string text =
        value.is_string() ? value.get<std::string>() : absl::StrCat(value.get<double>());
    std::printf("%-28s %s\n", name.c_str(), text.c_str());
  }
  return file.empty() ? absl::OkStatus() : WriteFileAtomically(file, json_.dump(2) + "\n");
}

}  // namespace sluice::sidecar
