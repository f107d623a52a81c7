#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "sidecar/engine/view.h"

// The JSON of the HTTP port: answers of the service Runs, as sluicectl's --json prints them. Fields
// by their own names, also those that are zero; one line. Pure.
namespace sluice::sidecar {

// A ListRunsResponse.
std::string RunsJson(const View& view);
// A RunState.
std::string RunJson(const RunView& run);

// What a query asks for; texts as they came, "" leaves a side open.
struct HistoryQuery {
  std::string first_step = "";
  std::string last_step = "";
  std::string limit = "";
};
// A GetHistoryResponse. INVALID_ARGUMENT: names the parameter, its value and the range.
absl::StatusOr<std::string> HistoryJson(const RunView& run, const HistoryQuery& query);

// {"maps":[…]} of TokenMaps, oldest first; only that of `step`, a text as it came, unless it is "".
// INVALID_ARGUMENT names a step that is none, NOT_FOUND one that has no map.
absl::StatusOr<std::string> MapsJson(const RunView& run, const std::string& step);

// {"error":"…"}
std::string ErrorJson(const std::string& message);

}  // namespace sluice::sidecar
