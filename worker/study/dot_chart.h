#pragma once

#include <string>
#include <vector>

#include "worker/study/study_rows.h"

namespace sluice::study {

// An SVG chart with a panel for each domain and for all of them: a row per arm, in it a dot at the
// paired difference to dense in points, evaluated densely, with one standard error to either side,
// and a ring where the arm is evaluated gated. A dashed line stands at the best arm that draws at
// random. Well-formed XML whatever the names.
std::string DotChart(const std::vector<StudyRow>& rows, const std::string& title);

}  // namespace sluice::study
