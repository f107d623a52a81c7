#include "worker/train/group_activity.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/worker/train/small_model.h"

namespace sluice::train {
namespace {

using testing::MakeModel;
using testing::SmallGate;

// Steps an optimizer whose groups rest by a schedule written down here.
class ScheduledSteps {
 public:
  explicit ScheduledSteps(UpdateRule rule)
      : model_(MakeModel(SmallGate(Mode::kDense, 0.0, false), torch::kDouble)),
        optimizer_(MakeOptimizer(*model_, Rule(rule))) {}

  Optimizer* optimizer() { return optimizer_.get(); }

  // blocks.1.mlp changes in every fourth step, blocks.2.mlp never, all others always.
  void Step(int64_t step) {
    StepScales scales;
    scales.lr = 0.01;
    for (const ParameterGroup& group : optimizer_->groups()) {
      const bool rests =
          group.name == "blocks.2.mlp" || (group.name == "blocks.1.mlp" && step % 4 != 0);
      scales.may_change.push_back(rests ? 0 : 1);
    }
    for (torch::Tensor p : optimizer_->parameters()) p.mutable_grad() = torch::ones_like(p);
    optimizer_->Step(scales);
  }

 private:
  static OptimizerOptions Rule(UpdateRule rule) {
    OptimizerOptions options;
    options.rule = rule;
    return options;
  }

  std::unique_ptr<GatedModel> model_;
  std::unique_ptr<Optimizer> optimizer_;
};

std::map<std::string, uint32_t> ByName(const telemetry::GroupActivity& activity) {
  std::map<std::string, uint32_t> counts;
  for (const telemetry::GroupCount& count : activity.groups)
    counts[count.group] = count.active_steps;
  return counts;
}

class GroupActivityTest : public ::testing::TestWithParam<UpdateRule> {};

TEST_P(GroupActivityTest, WindowsCountWhatTheScheduleSays) {
  ScheduledSteps run(GetParam());
  GroupActivity counter(10, run.optimizer(), 1);
  std::vector<telemetry::GroupActivity> windows;
  for (int64_t step = 1; step <= 25; ++step) {
    run.Step(step);
    if (auto window = counter.After(step)) windows.push_back(*window);
  }
  ASSERT_EQ(windows.size(), 2u);
  const uint32_t expected[] = {2, 3};  // Steps 4 and 8; 12, 16 and 20.
  for (size_t w = 0; w < 2; ++w) {
    EXPECT_EQ(windows[w].first_step, 10 * w + 1);
    EXPECT_EQ(windows[w].last_step, 10 * w + 10);
    EXPECT_EQ(windows[w].groups.size(), run.optimizer()->groups().size());
    for (const auto& [name, count] : ByName(windows[w])) {
      const uint32_t all = name == "blocks.1.mlp" ? expected[w] : name == "blocks.2.mlp" ? 0 : 10;
      EXPECT_EQ(count, all) << name << " in window " << w;
    }
  }
}

TEST_P(GroupActivityTest, AnotherStateBeginsANewWindow) {
  ScheduledSteps run(GetParam());
  GroupActivity counter(4, run.optimizer(), 1);
  for (int64_t step = 1; step <= 3; ++step) run.Step(step);
  EXPECT_FALSE(counter.After(3).has_value());
  for (int64_t& steps : run.optimizer()->group_steps()) steps = 0;  // As a roll-back does.
  counter.Restart(4);
  for (int64_t step = 4; step <= 7; ++step) {
    run.Step(step);
    const auto window = counter.After(step);
    ASSERT_EQ(window.has_value(), step == 7);
    if (!window) continue;
    EXPECT_EQ(window->first_step, 4u);
    EXPECT_EQ(ByName(*window).at("blocks.1.mlp"), 1u);
    EXPECT_EQ(ByName(*window).at("norm"), 4u);
  }
}

TEST_P(GroupActivityTest, AWindowOfNoStepsCountsNothing) {
  ScheduledSteps run(GetParam());
  GroupActivity counter(0, run.optimizer(), 1);
  for (int64_t step = 1; step <= 5; ++step) {
    run.Step(step);
    EXPECT_FALSE(counter.After(step).has_value());
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, GroupActivityTest,
                         ::testing::Values(UpdateRule::kAdamW, UpdateRule::kSgd),
                         [](const auto& info) {
                           return info.param == UpdateRule::kSgd ? "Sgd" : "AdamW";
                         });

}  // namespace
}  // namespace sluice::train
