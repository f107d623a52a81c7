#include "worker/study/continual_metrics.h"

#include <algorithm>

#include "common/status.h"

namespace sluice::study {

ContinualMetrics Measure(const AccuracyMatrix& matrix) {
  const std::vector<std::vector<double>>& r = matrix.accuracy;
  const size_t domains = r.size();
  SLUICE_CHECK(domains >= 2 && r[0][0] > 0.0);
  const std::vector<double>& last = r.back();
  ContinualMetrics m;
  m.retention = last[0] / r[0][0];
  for (size_t j = 0; j < domains; ++j) {
    SLUICE_CHECK(r[j].size() == domains);
    m.average_accuracy += last[j] / static_cast<double>(domains);
    m.diagonal += r[j][j] / static_cast<double>(domains);
  }
  const auto earlier = static_cast<double>(domains - 1);
  for (size_t j = 0; j + 1 < domains; ++j) {
    double best = 0.0;
    for (size_t i = 0; i + 1 < domains; ++i) best = std::max(best, r[i][j]);
    m.forgetting += (best - last[j]) / earlier;
    m.backward_transfer += (last[j] - r[j][j]) / earlier;
  }
  return m;
}

}  // namespace sluice::study
