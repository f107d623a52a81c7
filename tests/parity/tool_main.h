#pragma once

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/options.h"

namespace sluice {

// Parses `arguments` and runs the tool called `name`; what main returns. An error is one line.
inline int RunTool(const char* name, OptionSet& options, const std::vector<std::string>& arguments,
                   const std::function<absl::Status()>& run) {
  const absl::StatusOr<bool> go_on = options.Parse(arguments);
  absl::Status status = go_on.status();
  if (go_on.ok() && *go_on) status = run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s: %s\n", name, std::string(status.message()).c_str());
  return 1;
}

}  // namespace sluice
