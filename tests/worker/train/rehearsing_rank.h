#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tests/worker/train/legacy_patterns.h"
#include "tests/worker/train/one_rank.h"
#include "worker/train/step_setup.h"

namespace sluice::train::testing {

// Images of the run and a buffer of an earlier domain whose logits are all different numbers.
inline Datasets RehearsedDatasets() {
  Datasets datasets;
  datasets.train = Patterns(100, 40);
  datasets.eval = Patterns(500, 7);
  legacy::LegacySet buffer = PatternSet(40, 9);
  for (size_t i = 0; i < buffer.logits.size(); ++i)
    buffer.logits[i] = 0.3f * static_cast<float>(i % 11) - 1.0f;
  datasets.buffers = {std::move(buffer)};
  return datasets;
}

// One rank's model and step, put together as the trainer does. Borrows `config`.
class RehearsingRank {
 public:
  RehearsingRank(const config::TrainConfig& config, Datasets with,
                 std::unique_ptr<GatedModel> model, dist::Group& group)
      : datasets(std::move(with)) {
    assembly.model = std::move(model);
    assembly.model->SetReplay(MakeReplay(config.legacy));
    assembly.optimizer = MakeOptimizer(*assembly.model);
    dist::AgreementOptions options;
    options.layers = {2};
    agreement_.emplace(*dist::DirectiveAgreement::Make(&group, options));
    loader_ = MakeTrainLoader(config, datasets, group, 0);
    StepOptions of_step = MakeStepOptions(config, group.size());
    of_step.rehearsal = MakeRehearsal(config, datasets.buffers, group);
    step = std::make_unique<TrainStep>(assembly.model.get(), assembly.optimizer.get(), &group,
                                       &*agreement_, loader_.get(), of_step);
  }

  // Mean loss of step `number`.
  double LossOf(int64_t number) {
    const auto outcome = step->Run(number, {}, counters_);
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome.ok() ? outcome->loss.value_or(-1.0) : -1.0;
  }

  Datasets datasets;
  Assembly assembly;
  std::unique_ptr<TrainStep> step;

 private:
  std::optional<dist::DirectiveAgreement> agreement_;
  std::unique_ptr<data::Loader> loader_;
  Counters counters_;
};

}  // namespace sluice::train::testing
