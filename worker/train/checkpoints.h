#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "worker/checkpoint/saver.h"
#include "worker/config/train_config.h"
#include "worker/dist/process_group.h"
#include "worker/telemetry/publisher.h"
#include "worker/train/healthy_checkpoint.h"

namespace sluice::train {

// A run's checkpoints: rank 0 writes them beside the steps that follow, and every rank knows which
// one is durable. One that cannot be saved does not end the run: that is logged, and the ones
// before it stay. One thread.
class Checkpoints {
 public:
  // Borrows all. `state` is where the run goes on from.
  Checkpoints(const config::TrainConfig* config, dist::Group* group,
              telemetry::Publisher* publisher, const checkpoint::TrainState& state);

  // Starts saving; needs a Settle before. `state` is complete on rank 0, and its step on every
  // rank. `well`: all is well, as far as is known; that counts once it is durable.
  void Start(const checkpoint::TrainState& state, const checkpoint::TrainTensors& tensors,
             bool well);
  // Drops what `state` knows of checkpoints that are gone.
  void Forget(checkpoint::TrainState& state) const;
  // A collective: waits until what was started is durable, or failed.
  absl::Status Settle();
  // Tells what became of the one that was started, if that is known already. Never waits.
  void Look();

  // Step of the newest durable checkpoint of this process; -1: none. The same on all ranks after
  // Settle.
  int64_t saved_step() const { return saved_step_; }
  // The newest that this rank knows to be durable, of former processes too; empty: none.
  const std::string& newest() const { return newest_; }
  std::string newest_path() const;
  // Of the newest durable one that was saved while all was well; 0: none. Where probes are checked
  // beside the steps, rank 0 knows it by what these checks find, and the others after ShareHealthy.
  uint64_t healthy_step() const { return health_.healthy(); }
  HealthyCheckpoint& health() { return health_; }
  // A collective.
  absl::Status ShareHealthy();
  // Why the last one could not be saved.
  const absl::Status& failure() const { return failure_; }

 private:
  void Take(const checkpoint::Saved& saved);

  const config::TrainConfig* config_;
  dist::Group* group_;
  telemetry::Publisher* publisher_;
  checkpoint::Saver saver_;
  bool is_started_ = false;  // And not settled.
  int64_t started_step_ = -1;
  bool started_well_ = false;
  int64_t saved_step_ = -1;
  HealthyCheckpoint health_;
  std::string newest_;
  absl::Status failure_;
};

}  // namespace sluice::train
