#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::study {

// How a strategy did over a sequence of T domains: accuracy[i][j] in [0, 1] on domain j after
// training on domains 0 to i (R[i + 1][j + 1] where domains count from 1). Also on domains that are
// still to come, j > i.
struct AccuracyMatrix {
  std::vector<std::vector<double>> accuracy;  // [T, T]

  bool operator==(const AccuracyMatrix&) const = default;
};

// What such a matrix comes to (Lopez-Paz and Ranzato, "Gradient episodic memory", NeurIPS 2017;
// Chaudhry et al., "Riemannian walk", ECCV 2018).
struct ContinualMetrics {
  double retention = 0.0;          // R[T][1] / R[1][1].
  double average_accuracy = 0.0;   // Mean over j of R[T][j].
  double forgetting = 0.0;         // Mean over j < T of max over i < T of R[i][j], less R[T][j].
  double backward_transfer = 0.0;  // Mean over j < T of R[T][j] - R[j][j].
  double diagonal = 0.0;           // Mean over j of R[j][j]: what is learnt of each when it is new.
};

// `matrix` is square, of two domains at least, with accuracy[0][0] above 0.
ContinualMetrics Measure(const AccuracyMatrix& matrix);

}  // namespace sluice::study
