#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/train/probe_finding.h"

namespace sluice::train {

// What a check of all probes came to.
struct ProbeAnswer {
  uint64_t step = 0;  // Whose weights were checked.
  double seconds = 0.0;
  std::vector<ProbeFinding> findings;

  bool operator==(const ProbeAnswer&) const = default;
};

nlohmann::json FindingsToJson(const std::vector<ProbeFinding>& findings);
// Throws nlohmann::json::exception if `list` is not such a list.
std::vector<ProbeFinding> FindingsFromJson(const nlohmann::json& list);

// {"step", "seconds", "probes"}, as one line of text without its end.
std::string AnswerToJson(const ProbeAnswer& answer);
// INVALID_ARGUMENT with the text if it is none.
absl::StatusOr<ProbeAnswer> AnswerFromJson(const std::string& line);

}  // namespace sluice::train
