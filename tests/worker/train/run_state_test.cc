#include "worker/train/run_state.h"

#include <gtest/gtest.h>

#include "tests/worker/train/one_rank.h"
#include "worker/model/gemm.h"

namespace sluice::train {
namespace {

TEST(RunStateTest, SaysWhatTheRunIs) {
  testing::OneRank rank(testing::SmallRun("unused", 1));
  checkpoint::TrainState state;
  DescribeRun(rank.config, "steps = 1", rank.datasets, state);
  EXPECT_EQ(state.fingerprint, config::Fingerprint(rank.config));
  EXPECT_EQ(state.class_names, rank.datasets.train->class_names());
  EXPECT_EQ(state.mean, rank.config.data.mean);
  EXPECT_EQ(state.std, rank.config.data.std);
  EXPECT_EQ(state.config_toml, "steps = 1");
  EXPECT_EQ(state.gemm, model::GemmName(model::CurrentGemm()));
}

TEST(RunStateTest, CountsTheStepsOfEveryGroup) {
  testing::OneRank rank(testing::SmallRun("unused", 1));
  Optimizer& optimizer = *rank.assembly.optimizer;
  optimizer.group_steps()[1] = 17;
  checkpoint::TrainState state;
  CountSteps(optimizer, state);
  EXPECT_EQ(state.group_steps.size(), optimizer.groups().size());
  EXPECT_EQ(state.group_steps.at(optimizer.groups()[1].name), 17);
}

}  // namespace
}  // namespace sluice::train
