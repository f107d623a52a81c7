#pragma once

#include <string>

#include "worker/launch/child_process.h"

namespace sluice::launch {

// A child that runs a shell script.
inline ChildOptions Shell(const std::string& script) {
  return {.program = "/bin/sh", .arguments = {"-c", script}};
}

// A script that hangs and takes no notice of SIGTERM.
inline const char* const kStubborn = "trap '' TERM; while :; do sleep 0.05; done";

}  // namespace sluice::launch
