#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/worker/train/small_model.h"
#include "worker/train/trainer.h"

namespace sluice::train::testing {

inline std::shared_ptr<const data::Dataset> Patterns(uint64_t first, int64_t count) {
  std::vector<uint64_t> ids(count);
  std::iota(ids.begin(), ids.end(), first);
  return std::make_shared<PatternDataset>(ids);
}

// A run of `steps` steps on batches of 8, one gate behind block 2 that opens half of all patches by
// chance; no service and no sidecar.
inline config::TrainConfig SmallRun(const std::string& folder, int64_t steps) {
  config::TrainConfig config;
  config.run_folder = folder;
  config.data.mean = {0.5, 0.5};
  config.data.std = {0.5, 0.5};
  config.gate.mode = "compact";
  config.gate.layers = {2};
  config.gate.thresholds = {0.5};
  config.train.steps = steps;
  config.train.batch = 8;
  config.train.warmup_steps = 2;
  config.listen = "off";
  config.progress_seconds = 0.0;
  return config;
}

// All that the trainer of a run's only rank borrows.
class OneRank {
 public:
  // The configuration is that of SmallRun with changes that need no other model.
  explicit OneRank(config::TrainConfig of_run)
      : config(std::move(of_run)), board({.run = config.run}, config.paused) {
    assembly.model = MakeModel(SmallGate(Mode::kCompact, 0.5, false), torch::kFloat);
    assembly.optimizer = MakeOptimizer(*assembly.model);
    datasets.train = Patterns(100, 20);
    datasets.eval = Patterns(500, 7);
  }

  absl::StatusOr<TrainReport> Train(checkpoint::TrainState state = {}) {
    absl::StatusOr<dist::Group> group = dist::Group::Alone();
    if (!group.ok()) return group.status();
    agreement.layers = {2};
    agreement.in_force = state.in_force;
    agreement.agreed_next = state.agreed_next;
    auto agreed = dist::DirectiveAgreement::Make(&*group, agreement);
    if (!agreed.ok()) return agreed.status();
    telemetry::Publisher off({});  // Without an address.
    TrainerParts parts;
    parts.config = &config;
    parts.assembly = &assembly;
    parts.datasets = &datasets;
    parts.group = &*group;
    parts.agreement = &*agreed;
    parts.publisher = publisher != nullptr ? publisher : &off;
    parts.board = &board;
    return Trainer(parts, std::move(state)).Run();
  }

  // Parameters, moments and heads: what a checkpoint holds, copied.
  std::vector<torch::Tensor> Values() {
    const checkpoint::TrainTensors tensors = CheckpointTensors(assembly);
    std::vector<torch::Tensor> values;
    for (const auto* role :
         {&tensors.model, &tensors.gate, &tensors.first_moments, &tensors.second_moments}) {
      for (const auto& item : *role) values.push_back(item.second.detach().clone());
    }
    return values;
  }
  // Where to go on from: the newest checkpoint of the run's folder, which gives its values.
  checkpoint::TrainState GoOn() {
    auto state = Restore(config, datasets.train->class_names(), assembly);
    EXPECT_TRUE(state.ok()) << state.status();
    EXPECT_TRUE(state.ok() && state->has_value()) << "no checkpoint";
    return state.ok() ? std::move(*state).value_or(checkpoint::TrainState())
                      : checkpoint::TrainState();
  }

  config::TrainConfig config;
  service::CommandBoard board;
  Assembly assembly;
  Datasets datasets;
  dist::AgreementOptions agreement;
  telemetry::Publisher* publisher = nullptr;  // Null: telemetry is off.
};

}  // namespace sluice::train::testing
