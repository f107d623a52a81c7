#pragma once

#include <string>

namespace sluice {

// Sets up the process's log: to standard error, one line per entry, "TIME LEVEL name: text". Call
// once, before threads start. `level` is one of trace, debug, info, warn, error. Logging itself is
// thread-safe.
void StartLog(const std::string& name, const std::string& level);

// One line of the log. For files that include LibTorch, which brings another version of spdlog's
// formatting library; others may use spdlog's macros through common/log.h.
void LogInfo(const std::string& line);
void LogWarn(const std::string& line);

}  // namespace sluice
