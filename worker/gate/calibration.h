#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::gate {

// Temperature scaling (Guo et al. 2017): the temperature under which an uncertainty head's
// predictions have the least mean negative log-likelihood on images that it was not trained on. It
// is looked for on a fixed grid, so that sums over any split of the images give the same answer.

// 1/8 to 8, 65 values in equal ratios; 1 stands in the middle.
const std::vector<double>& TemperatureGrid();

inline constexpr int kReliabilityBins = 15;

// What is summed over tokens under one temperature, as a row of numbers that can be added up.
struct Reliability {
  double tokens = 0.0;
  double loss = 0.0;  // Sum of negative log-likelihoods, in nats.
  // Tokens, sum of confidences and number of right answers, by confidence in equal steps.
  double bins[kReliabilityBins][3] = {};
};
inline constexpr int kReliabilityNumbers = 2 + 3 * kReliabilityBins;
// `numbers` [kReliabilityNumbers] in the order of the members.
Reliability ReliabilityFrom(std::span<const double> numbers);

// Expected calibration error: mean over tokens of |accuracy - confidence| of their bin, in [0, 1];
// 0 without tokens.
double ExpectedCalibrationError(const Reliability& reliability);

// What a calibration found at one gate.
struct Calibration {
  int64_t layer = 0;
  double temperature = 1.0;
  double error_before = 0.0;  // Expected calibration error at temperature 1,
  double error_after = 0.0;   // and at `temperature`.

  bool operator==(const Calibration&) const = default;
};

// Mean and standard deviation, over images of one domain, of the normalised entropy of an
// uncertainty head's mean prediction: what is usual for the images that it was trained for.
struct UncertaintyMoments {
  double mean = 0.0;
  double stddev = 0.0;

  bool operator==(const UncertaintyMoments&) const = default;
};

// From one row per temperature of the grid. Without tokens the temperature stays 1.
Calibration Calibrate(int64_t layer, const std::vector<Reliability>& rows);

}  // namespace sluice::gate
