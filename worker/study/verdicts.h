#pragma once

#include <string>
#include <vector>

#include "worker/study/study_rows.h"

namespace sluice::study {

// What a study says, in plain sentences with figures (means over domains and seeds, paired
// differences with standard errors): whether a gate that looks at the content is above its control
// that draws at random by more than two standard errors, evaluated densely and gated; whether half
// of dense's seconds reach dense's accuracy; and which arm should be the default:
// - the best arm by content of those above their control and above the best random arm by more than
//   two standard errors,
// - else the best random arm, unless dense is above it,
// - else dense.
std::vector<std::string> Verdicts(const std::vector<StudyArm>& arms,
                                  const std::vector<DomainRuns>& domains);

// "+1.2 ± 0.4", or "+1.2" where nothing is known of the error, or "-".
std::string SignedText(const Figure& figure);

}  // namespace sluice::study
