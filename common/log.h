#pragma once

#include <spdlog/spdlog.h>

#include <string>

namespace sluice {

// Sets up the process's log: to standard error, one line per entry, "TIME LEVEL name: text". Call
// once, before threads start. `level` is one of trace, debug, info, warn, error. Logging itself is
// thread-safe.
void StartLog(const std::string& name, const std::string& level);

}  // namespace sluice
