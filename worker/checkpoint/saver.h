#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/checkpoint/checkpoint_folder.h"

namespace sluice::checkpoint {

// What became of a checkpoint.
struct Saved {
  absl::Status status;
  uint64_t step = 0;
  std::string name;
  uint64_t bytes = 0;
  double copy_seconds = 0.0;   // That training waited for.
  double write_seconds = 0.0;  // Until it was durable, and older ones removed.
};

// A copy on the CPU that shares nothing with `tensors`.
TrainTensors CopyTensors(const TrainTensors& tensors);

// Writes checkpoints into one folder on a thread beside the caller's, one at a time. Not
// thread-safe. The destructor waits for the one that is being written.
class Saver {
 public:
  // `asynchronous` off: Start returns when the checkpoint is durable; nothing is copied.
  Saver(std::string folder, bool asynchronous)
      : folder_(std::move(folder)), asynchronous_(asynchronous) {}

  // Copies state and tensors, and writes the copies. Then removes checkpoints by `keep`, which is
  // told by a warning if it fails. Waits for the one before; its outcome must have been taken.
  void Start(const TrainState& state, const TrainTensors& tensors, const Retention& keep);
  // The outcome of the last one, once: as soon as it is there, or waiting for it. Nothing if it was
  // taken before.
  std::optional<Saved> Poll();
  std::optional<Saved> Finish();
  bool is_busy() const { return result_.valid(); }

 private:
  std::string folder_;
  bool asynchronous_;
  std::future<Saved> result_;
};

}  // namespace sluice::checkpoint
