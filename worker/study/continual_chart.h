#pragma once

#include <string>
#include <vector>

#include "worker/study/continual_result.h"

namespace sluice::study {

// Three panels beside each other, a colour and a number for each strategy: retention of the first
// domain over seconds (those that no other beats in both are joined: the Pareto front), retention
// over the mean diagonal, and the first domain's accuracy behind each domain. Well-formed XML.
std::string ContinualChart(const std::vector<std::string>& domains,
                           const std::vector<StrategyRow>& rows, const std::string& title);

// Indices of the rows that no other row beats in both, less seconds and more retention, by rising
// seconds.
std::vector<size_t> ParetoFront(const std::vector<StrategyRow>& rows);

}  // namespace sluice::study
