#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/counters.h"
#include "common/directive.h"
#include "worker/gate/calibration.h"
#include "worker/gate/score_cache.h"
#include "worker/model/weights.h"
#include "worker/tensors/safetensors_file.h"
#include "worker/torch.h"

namespace sluice::checkpoint {

// The epoch that a run with a live stream is in: its number and first step, counted over all
// micro-steps from 0, and how many of the spool's images belong to it.
struct StreamEpoch {
  int64_t number = 0;
  int64_t first = 0;
  int64_t ingested = 0;

  bool operator==(const StreamEpoch&) const = default;
};

// What a run needs besides tensors to go on exactly. Draws are pure functions of seed and step, so
// the step is also the whole random state; the schedule follows from step and configuration.
struct TrainState {
  uint64_t step = 0;               // Last finished step.
  uint32_t generation = 0;         // Of the run that wrote it.
  std::string fingerprint;         // config::Fingerprint.
  std::string gemm;                // model::GemmName; empty in older checkpoints.
  double train_seconds = 0.0;      // Spent in training steps so far.
  std::vector<Counters> counters;  // Per rank.
  std::optional<Directive> in_force;
  std::optional<Directive> agreed_next;  // Agreed on, takes effect at step + 1.
  uint64_t decision_position = 0;  // Last step with an entry in the decision log, at most step + 1.
  uint64_t healthy_step = 0;       // Of the newest checkpoint while all was well; 0: there is none.
  bool probes_calm = false;        // No probe was above its limit at the last check.
  std::map<uint64_t, double> accuracies;  // Of checkpoints that were evaluated, by step.
  std::map<std::string, double>
      temperatures;  // Of uncertainty heads, by gate layer, if calibrated.
  // What calibrated heads say of this domain's images, by gate layer: gate::UncertaintyMoments.
  std::map<std::string, gate::UncertaintyMoments> uncertainty;
  std::vector<gate::CachedScore> image_scores;  // Of the image gate, by rising id.
  std::vector<double> head_entropies;  // The footprint gate's last measurement; empty without.
  std::map<std::string, int64_t> group_steps;  // Optimizer's step count per parameter group.
  std::optional<StreamEpoch> stream_epoch;     // Only with a live stream.
  std::vector<std::string> class_names;        // Label map: position is the label.
  std::vector<double> mean;                    // Normalisation of the images.
  std::vector<double> std;
  std::string config_toml;  // The whole configuration, for people.
};

// Tensors of a checkpoint, by role; names are the parameters'.
struct TrainTensors {
  model::NamedTensors model;           // Saved as model.<name>
  model::NamedTensors adapters;        // Saved as adapter.<name>
  model::NamedTensors gate;            // Saved under their own names: gate.<layer>.head.*
  model::NamedTensors first_moments;   // Saved as optimizer.m.<name>
  model::NamedTensors second_moments;  // Saved as optimizer.v.<name>
};

// Name of the file of `step`: checkpoint-00000120.safetensors.
std::string CheckpointName(uint64_t step);

// Checkpoints in `folder`, by rising step; names only. Other files are passed over. Empty without
// the folder.
std::vector<std::string> ListCheckpoints(const std::string& folder);

// Writes one atomically: a crash leaves the old files and perhaps the new one, whole.
absl::Status SaveCheckpoint(const std::string& path, const TrainState& state,
                            const TrainTensors& tensors);

// Reads the state of an open file, and the whole file for its checksum: DATA_LOSS with the path if
// it is damaged. INVALID_ARGUMENT with path and key if it is not a checkpoint of this format.
absl::StatusOr<TrainState> LoadState(const tensors::SafetensorsFile& file, const std::string& path);

// Copies tensors of the same names into `tensors`; shapes must agree. The message names the tensor.
absl::Status LoadTensors(const tensors::SafetensorsFile& file, const TrainTensors& tensors);

}  // namespace sluice::checkpoint
