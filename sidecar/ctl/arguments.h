#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/security/tls.h"

namespace sluice::ctl {

// What the command line asks for, checked. Numbers that a command does not take stay as they are.
struct Arguments {
  std::string command;  // One of CommandNames().
  std::string sidecar = "127.0.0.1:50551";
  std::chrono::milliseconds timeout{5000};  // For each answer.
  bool json = false;
  security::ClientTls tls;  // How the sidecar or the rank is reached.

  std::string run;          // Every command but `runs`, `storage` and `worker`.
  uint64_t count = 0;       // watch: updates to print; 0 is no limit.
  uint64_t first_step = 0;  // history, journal: both inclusive; 0 leaves the side open.
  uint64_t last_step = 0;
  uint32_t limit =
      0;  // history: windows at most; 0 is the sidecar's own limit. journal: entries; 0: all.
  uint32_t layer = 0;      // set-threshold: block after which the gate stands, from 1.
  double threshold = 0.0;  // set-threshold: in [0, 1].
  std::string reason;      // set-threshold, breaker, worker: at most 256 bytes of UTF-8.
  std::string action;      // breaker: one of BreakerActions(); worker: one of WorkerActions(),
  std::string worker;      // and the address of a rank's service; storage: StorageActions().
  std::vector<std::string> paths;  // worker ingest: images, or folders of them,
  std::string class_name;          // and their class; empty: each folder has a folder per class.
  bool replay = false;             // journal.
};

const std::vector<std::string>& CommandNames();
const std::vector<std::string>& BreakerActions();
const std::vector<std::string>& StorageActions();
const std::vector<std::string>& WorkerActions();

// Reads `arguments` (without the program's name) and the environment. False: help or the version
// was printed. INVALID_ARGUMENT: one line for the user that names the argument, its value and what
// was expected; `result.command` is set if it was understood.
absl::StatusOr<bool> ParseArguments(const std::vector<std::string>& arguments, Arguments& result);

}  // namespace sluice::ctl
