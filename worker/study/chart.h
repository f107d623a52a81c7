#pragma once

#include <string>
#include <vector>

#include "worker/study/summary.h"

namespace sluice::study {

// An SVG chart of accuracy (evaluated densely, and gated where it is dashed) over training seconds,
// for the first seed. Well-formed XML whatever the names.
std::string AccuracyChart(const std::vector<ComparedRun>& runs, const std::string& title);

}  // namespace sluice::study
