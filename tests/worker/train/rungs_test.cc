#include "worker/train/rungs.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/train/rehearsing_rank.h"

namespace sluice::train {
namespace {

using testing::RehearsingRank;

Directive Asks(BreakerAction action, double share = 0.0) {
  Directive directive;
  directive.breaker_action = action;
  directive.rehearsal_share = share;
  return directive;
}

class RungsTest : public ::testing::Test {
 protected:
  RungsTest() : config_(testing::SmallRun(folder_.path(), 6)) {}

  std::unique_ptr<RehearsingRank> NewRank() {
    return std::make_unique<RehearsingRank>(
        config_, testing::RehearsedDatasets(),
        testing::MakeModel(testing::SmallGate(Mode::kCompact, 0.5, true), torch::kFloat), *group_);
  }
  Rungs RungsOf(RehearsingRank& rank, bool has_buffers = true) {
    return {&config_, &rank.assembly, rank.step.get(), has_buffers};
  }
  // Loss of a first step after `prepare`.
  double LossAfter(const std::function<void(RehearsingRank&)>& prepare) {
    const auto rank = NewRank();
    prepare(*rank);
    return rank->LossOf(1);
  }
  double LossOfShare(double share) {
    return LossAfter([share](RehearsingRank& rank) { rank.step->SetRehearsalShare(share); });
  }
  double LossOfDirectives(const std::vector<const Directive*>& directives) {
    return LossAfter([&](RehearsingRank& rank) {
      Rungs rungs = RungsOf(rank);
      for (const Directive* directive : directives) EXPECT_EQ(rungs.Hold(directive, 1), "");
    });
  }
  // Parameters, heads and moments.
  static std::vector<torch::Tensor> ValuesOf(RehearsingRank& rank) {
    const checkpoint::TrainTensors tensors = CheckpointTensors(rank.assembly);
    std::vector<torch::Tensor> values;
    for (const auto* role :
         {&tensors.model, &tensors.gate, &tensors.first_moments, &tensors.second_moments}) {
      for (const auto& item : *role) values.push_back(item.second.detach().clone());
    }
    return values;
  }
  static bool AllEqual(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
    bool same = a.size() == b.size();
    for (size_t i = 0; same && i < a.size(); ++i) same = a[i].equal(b[i]);
    return same;
  }
  std::string HealthyPath(uint64_t step) const {
    return folder_.Path(checkpoint::CheckpointName(step));
  }
  // Saves `rank` as the healthy checkpoint of step 2.
  void SaveHealthy(RehearsingRank& rank) {
    checkpoint::TrainState state;
    state.step = 2;
    state.class_names = rank.datasets.train->class_names();
    state.counters.resize(1);
    state.temperatures["2"] = 1.75;
    Optimizer& optimizer = *rank.assembly.optimizer;
    for (size_t g = 0; g < optimizer.groups().size(); ++g)
      state.group_steps[optimizer.groups()[g].name] = optimizer.group_steps()[g];
    const absl::Status saved =
        checkpoint::SaveCheckpoint(HealthyPath(2), state, CheckpointTensors(rank.assembly));
    EXPECT_TRUE(saved.ok()) << saved;
  }

  const TemporaryFolder folder_;
  config::TrainConfig config_;
  absl::StatusOr<dist::Group> group_ = dist::Group::Alone();
};

TEST_F(RungsTest, TheBackboneRestsWhileADirectiveAsksForIt) {
  const auto rank = NewRank();
  Rungs rungs = RungsOf(*rank);
  for (const auto& [action, frozen] : {std::pair{BreakerAction::kFreezeBackbone, true},
                                       {BreakerAction::kTighten, false},
                                       {BreakerAction::kRollBack, true},
                                       {BreakerAction::kRehearse, false},
                                       {BreakerAction::kRollBack, true},
                                       {BreakerAction::kNone, false}}) {
    const Directive directive = Asks(action);
    EXPECT_EQ(rungs.Hold(&directive, 1), "");
    EXPECT_EQ(rank->step->footprint().frozen(), frozen) << static_cast<int>(action);
  }
  const Directive freeze = Asks(BreakerAction::kFreezeBackbone);
  rungs.Hold(&freeze, 1);
  rungs.Hold(nullptr, 1);
  EXPECT_FALSE(rank->step->footprint().frozen());
}

TEST_F(RungsTest, ARunsOwnFreezeHoldsWhateverADirectiveSays) {
  config_.legacy.freeze = "backbone";
  const auto rank = NewRank();
  Rungs rungs = RungsOf(*rank);
  rungs.Hold(nullptr, 1);
  EXPECT_TRUE(rank->step->footprint().frozen());
  const Directive none = Asks(BreakerAction::kNone);
  rungs.Hold(&none, 2);
  EXPECT_TRUE(rank->step->footprint().frozen());
}

TEST_F(RungsTest, HoldingChangesNoValue) {
  const auto rank = NewRank();
  const std::vector<torch::Tensor> before = ValuesOf(*rank);
  const Directive directive = Asks(BreakerAction::kRollBack, 0.5);
  RungsOf(*rank).Hold(&directive, 1);
  EXPECT_TRUE(AllEqual(ValuesOf(*rank), before));
}

TEST_F(RungsTest, TheLargerShareOfRunAndDirectiveIsRehearsed) {
  const double none = LossOfShare(0.0), quarter = LossOfShare(0.25), half = LossOfShare(0.5);
  ASSERT_TRUE(none != quarter && quarter != half && none != half);
  const Directive asks_half = Asks(BreakerAction::kRehearse, 0.5);
  const Directive asks_nothing = Asks(BreakerAction::kNone);
  EXPECT_EQ(LossOfDirectives({nullptr}), none);
  EXPECT_EQ(LossOfDirectives({&asks_half}), half);
  EXPECT_EQ(LossOfDirectives({&asks_half, &asks_nothing}), none);
  config_.legacy.share = 0.25;
  EXPECT_EQ(LossOfDirectives({nullptr}), quarter);
  EXPECT_EQ(LossOfDirectives({&asks_half}), half);
  EXPECT_EQ(LossOfDirectives({&asks_half, nullptr}), quarter);
  config_.legacy.share = 0.5;
  const Directive asks_quarter = Asks(BreakerAction::kRehearse, 0.25);
  EXPECT_EQ(LossOfDirectives({&asks_quarter}), half);
}

TEST_F(RungsTest, WithoutABufferItSaysSoAndDoesTheRest) {
  const double loss = LossAfter([&](RehearsingRank& rank) {
    const Directive directive = Asks(BreakerAction::kFreezeBackbone, 0.5);
    const std::string said = RungsOf(rank, /*has_buffers=*/false).Hold(&directive, 1);
    EXPECT_NE(said.find("nothing to rehearse"), std::string::npos) << said;
    EXPECT_NE(said.find("sluice-worker register"), std::string::npos) << said;
    EXPECT_TRUE(rank.step->footprint().frozen());
  });
  EXPECT_EQ(loss, LossOfShare(0.0));
}

TEST_F(RungsTest, ARollBackGivesValuesMomentsAndTemperaturesAndTheStepGoesOn) {
  const auto rank = NewRank();
  rank->LossOf(1);
  rank->LossOf(2);
  SaveHealthy(*rank);
  const std::vector<torch::Tensor> healthy = ValuesOf(*rank);
  const auto group_steps = rank->assembly.optimizer->group_steps();
  rank->LossOf(3);
  ASSERT_FALSE(AllEqual(ValuesOf(*rank), healthy));
  checkpoint::TrainState state;
  state.step = 3;
  state.healthy_step = 2;
  state.temperatures["2"] = 9.0;
  const absl::Status status = RungsOf(*rank).RollBack(state);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(AllEqual(ValuesOf(*rank), healthy));
  EXPECT_EQ(rank->assembly.optimizer->group_steps(), group_steps);
  EXPECT_EQ(rank->assembly.model->settings().gates[0].temperature, 1.75);
  EXPECT_EQ(state.temperatures.at("2"), 1.75);
  EXPECT_EQ(state.step, 3u);
  EXPECT_EQ(state.healthy_step, 2u);
  EXPECT_GT(rank->LossOf(4), 0.0);
}

TEST_F(RungsTest, WithoutAHealthyCheckpointNothingChanges) {
  const auto rank = NewRank();
  rank->LossOf(1);
  const std::vector<torch::Tensor> before = ValuesOf(*rank);
  checkpoint::TrainState state;
  state.step = 1;
  EXPECT_TRUE(Says(RungsOf(*rank).RollBack(state), absl::StatusCode::kNotFound,
                   {"no healthy checkpoint", "checkpoint.every"}));
  state.healthy_step = 7;  // Which somebody has removed.
  EXPECT_TRUE(Says(RungsOf(*rank).RollBack(state), absl::StatusCode::kNotFound, {HealthyPath(7)}));
  EXPECT_TRUE(AllEqual(ValuesOf(*rank), before));
}

TEST_F(RungsTest, ACheckpointThatIsDamagedIsNamed) {
  const auto rank = NewRank();
  folder_.Write(checkpoint::CheckpointName(2), "no tensors");
  checkpoint::TrainState state;
  state.healthy_step = 2;
  EXPECT_TRUE(SaysInvalid(RungsOf(*rank).RollBack(state), {HealthyPath(2)}));
}

}  // namespace
}  // namespace sluice::train
