#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "worker/study/study_arms.h"
#include "worker/study/summary.h"

namespace sluice::study {

// The runs of one domain, over all seeds.
struct DomainRuns {
  std::string name;
  std::vector<ComparedRun> runs;
};

// How a run's accuracy was measured: with all patches computed, or gated.
enum class Evaluation { kDense, kGated };

// A paired difference or a mean, in percentage points.
struct Figure {
  double mean = 0.0;
  double error = 0.0;  // Standard error; means something from two values on.
  size_t count = 0;    // Values that it is the mean of.

  bool known() const { return count > 0; }
  // Above (or, for a negative sign, below) zero by more than two standard errors.
  bool above() const { return count > 1 && mean > 2.0 * error; }
  bool below() const { return count > 1 && mean < -2.0 * error; }
};

Figure FigureOf(const std::vector<double>& values);

// Accuracies of `arm`, in percent.
Figure Accuracy(const std::vector<DomainRuns>& domains, const std::string& arm, Evaluation how);

// Accuracy of `arm` less that of `other`, paired by domain and seed: what only one of them has is
// left out.
Figure Difference(const std::vector<DomainRuns>& domains, const std::string& arm, Evaluation how,
                  const std::string& other, Evaluation other_how);

// One arm in one domain, or over all of them.
struct StudyRow {
  std::string arm;
  std::string domain;   // kAllDomains: every domain, paired by domain and seed.
  std::string control;  // As StudyArm's.
  Figure accuracy_dense;
  Figure accuracy_gated;
  Figure to_dense;         // Both evaluated densely.
  Figure gated_to_dense;   // Evaluated gated, against dense evaluated densely.
  Figure to_random;        // Against the control, both evaluated densely,
  Figure gated_to_random;  // and both gated.
  double seconds = 0.0;    // Means.
  double over_dense_seconds = 0.0;
  double lr = 0.0;
  double steps = 0.0;
  double activation_rate = 0.0;
};

inline constexpr char kAllDomains[] = "mean";

// Rows in the order of domains, then all domains, each in the order of the arms; none for an arm
// without a run.
std::vector<StudyRow> MakeRows(const std::vector<StudyArm>& arms,
                               const std::vector<DomainRuns>& domains);

}  // namespace sluice::study
