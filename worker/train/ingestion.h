#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/file.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/config/train_config.h"
#include "worker/data/epoch_sampler.h"
#include "worker/data/loader.h"
#include "worker/dist/process_group.h"
#include "worker/ingest/epoch_log.h"
#include "worker/ingest/grown_dataset.h"
#include "worker/ingest/intake.h"
#include "worker/train/steering.h"

namespace sluice::train {

// The live stream's part in training. Rank 0 takes images into a spool; when an epoch begins it
// says how many of them belong to it, all ranks make sure that they see the same ones in the same
// file, and that is durable in the epoch log before the epoch's first step. A run that goes on, or
// repeats another's epochs, takes the numbers from the log as far as it goes. One thread.
class Ingestion {
 public:
  // A collective. Borrows `config` and `group`. `base` is what is trained on beside the stream;
  // `state` is where the run goes on from. INVALID_ARGUMENT or FAILED_PRECONDITION if the
  // configuration leaves a rank without an image, or if another run writes the spool.
  static absl::StatusOr<std::unique_ptr<Ingestion>> Make(const config::TrainConfig& config,
                                                         std::shared_ptr<const data::Dataset> base,
                                                         dist::Group& group,
                                                         const checkpoint::TrainState& state);

  // Where rank 0's images go; null on other ranks and where epochs are repeated.
  ingest::Intake* intake() const { return intake_.get(); }
  std::string why_no_intake() const;

  // This rank's share of the images, from the step after `steps_done` on. It borrows this.
  std::unique_ptr<data::Loader> MakeLoader(uint64_t steps_done);
  // Waits until there is something to train on, if that is the stream's alone. True: the run ends.
  absl::StatusOr<bool> AwaitFirst(Steering& steering);
  // Begins the epoch if `step` (from 1) is its first. A collective then.
  absl::Status BeginStep(int64_t step);
  // Logs what the step took, if that is wanted; without success, the run goes on without.
  void EndStep(int64_t step);

  // For a checkpoint: the epoch that goes on.
  const std::optional<checkpoint::StreamEpoch>& epoch() const { return epoch_; }

 private:
  Ingestion(const config::TrainConfig& config, std::shared_ptr<const data::Dataset> base,
            dist::Group& group);
  absl::Status OpenOnRankZero();
  absl::Status Restore(const checkpoint::StreamEpoch& epoch);
  // Rank 0: what the epoch that begins with `step` consists of.
  absl::StatusOr<ingest::EpochEntry> Decide(int64_t number, int64_t step);
  // Makes the spool's first `images` known, which another machine may see late.
  absl::Status Grow(int64_t images);
  // Rank 0's entry on all ranks, who all see its images.
  absl::StatusOr<ingest::EpochEntry> Agree(ingest::EpochEntry entry);
  void Enter(const checkpoint::StreamEpoch& epoch);
  absl::Status LogTaken(int64_t step);
  int64_t base_images() const { return config_->ingest.only ? 0 : base_->size(); }
  int64_t MicroStep(int64_t step) const { return (step - 1) * config_->train.accumulate; }

  const config::TrainConfig* config_;
  std::shared_ptr<const data::Dataset> base_;
  dist::Group* group_;
  uint32_t generation_ = 0;
  std::shared_ptr<ingest::SpoolReader> spool_;
  data::EpochSampler sampler_;
  std::unique_ptr<ingest::Intake> intake_;
  std::vector<ingest::EpochEntry> known_;  // Rank 0: decided before.
  std::optional<ingest::EpochLog> log_;    // Rank 0.
  std::optional<AppendFile> taken_log_;
  std::optional<checkpoint::StreamEpoch> epoch_;
  std::vector<int64_t> taken_;  // Positions in the spool, since the last EndStep.
  data::Loader* loader_ = nullptr;
};

}  // namespace sluice::train
