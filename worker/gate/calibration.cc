#include "worker/gate/calibration.h"

#include <cmath>

#include "common/status.h"

namespace sluice::gate {
namespace {

constexpr int kSteps = 32;  // On each side of 1.
constexpr double kLargest = 8.0;

}  // namespace

const std::vector<double>& TemperatureGrid() {
  static const auto* const grid = [] {
    auto* values = new std::vector<double>;
    for (int i = -kSteps; i <= kSteps; ++i)
      values->push_back(std::pow(kLargest, static_cast<double>(i) / kSteps));
    return values;
  }();
  return *grid;
}

Reliability ReliabilityFrom(std::span<const double> numbers) {
  SLUICE_CHECK(numbers.size() == kReliabilityNumbers);
  Reliability result;
  result.tokens = numbers[0];
  result.loss = numbers[1];
  for (int bin = 0; bin < kReliabilityBins; ++bin) {
    for (int k = 0; k < 3; ++k) result.bins[bin][k] = numbers[2 + 3 * bin + k];
  }
  return result;
}

double ExpectedCalibrationError(const Reliability& reliability) {
  double error = 0.0;
  for (const auto& [tokens, confidence, right] : reliability.bins)
    error += std::abs(right - confidence);
  return reliability.tokens > 0.0 ? error / reliability.tokens : 0.0;
}

Calibration Calibrate(int64_t layer, const std::vector<Reliability>& rows) {
  const std::vector<double>& grid = TemperatureGrid();
  SLUICE_CHECK(rows.size() == grid.size());
  // Equal losses (a head that knows nothing) leave the temperature where it is.
  size_t best = kSteps;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].loss < rows[best].loss) best = i;
  }
  return {layer, grid[best], ExpectedCalibrationError(rows[kSteps]),
          ExpectedCalibrationError(rows[best])};
}

}  // namespace sluice::gate
