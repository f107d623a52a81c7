#pragma once

#include <chrono>
#include <cstdint>
#include <future>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/config/legacy_config.h"
#include "worker/launch/child_process.h"
#include "worker/train/clock.h"
#include "worker/train/probe_answer.h"

namespace sluice::train {

struct AsyncProbesOptions {
  std::string program;          // `sluice-worker`; it is run as `program probe --follow`.
  std::string snapshot;         // A file to hand weights over by.
  config::LegacyConfig legacy;  // Folder, threads and deadline count.
  int64_t eval_batch = 256;
};

// Probes checked by a process beside the training: it gets a snapshot of the weights as a file, and
// answers on its standard output. One check at a time. Nothing here waits for the process: where it
// dies, does not answer in time or answers nonsense, that is logged, its check is lost, and the
// next one starts another. For the main thread of rank 0. The destructor ends the process.
class AsyncProbes {
 public:
  explicit AsyncProbes(AsyncProbesOptions options) : options_(std::move(options)) {}

  // Begins to check the values of `tensors`, which are copied, as those of `state`'s step. False if
  // a check is under way: this one is left out, and the first such is logged.
  bool Start(const checkpoint::TrainState& state, const checkpoint::TrainTensors& tensors);
  // Moves the check on, and takes what it came to. Never waits.
  std::optional<ProbeAnswer> Poll();
  bool is_busy() const { return stage_ != Stage::kIdle; }

 private:
  enum class Stage { kIdle, kWriting, kAsked };

  absl::Status Ask();
  absl::Status StartProcess();
  void Lose(const std::string& why);

  const AsyncProbesOptions options_;
  Stage stage_ = Stage::kIdle;
  uint64_t step_ = 0;  // Of the check under way.
  bool said_busy_ = false;
  std::future<absl::Status> write_;
  Clock::time_point asked_;
  std::optional<launch::ChildProcess> process_;
};

}  // namespace sluice::train
