#include "worker/train/trainer.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/train/one_rank.h"

namespace sluice::train {
namespace {

using checkpoint::CheckpointName;
using checkpoint::ListCheckpoints;
using testing::OneRank;

using Names = std::vector<std::string>;

class TrainerTest : public ::testing::Test {
 protected:
  config::TrainConfig Steps(int64_t steps) const {
    return testing::SmallRun(folder_.path(), steps);
  }
  static TrainReport Trained(OneRank& rank, checkpoint::TrainState state = {}) {
    absl::StatusOr<TrainReport> report = rank.Train(std::move(state));
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *std::move(report) : TrainReport();
  }
  // Steps of the evaluations on the way.
  static std::vector<int64_t> Evaluated(const TrainReport& report) {
    std::vector<int64_t> steps;
    for (const CurvePoint& point : report.curve) steps.push_back(point.step);
    return steps;
  }
  static bool SameValues(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
    bool same = a.size() == b.size();
    for (size_t i = 0; same && i < a.size(); ++i) same = a[i].equal(b[i]);
    return same;
  }
  // The values that the checkpoint of `step` holds.
  std::vector<torch::Tensor> ValuesOf(int64_t step) const {
    OneRank other(Steps(1));
    const std::string path = folder_.Path(CheckpointName(static_cast<uint64_t>(step)));
    const auto file = tensors::SafetensorsFile::Open(path);
    const absl::Status loaded =
        file.ok() ? checkpoint::LoadTensors(*file, CheckpointTensors(other.assembly))
                  : file.status();
    EXPECT_TRUE(loaded.ok()) << loaded;
    return other.Values();
  }
  // Which the inbox holds once step `from` is over: taken in the next one, in force after it.
  static std::function<std::optional<Directive>()> After(uint64_t from, OneRank& rank,
                                                         const Directive& directive) {
    return [from, &rank, directive]() -> std::optional<Directive> {
      if (rank.board.Status().step < from) return std::nullopt;
      return directive;
    };
  }
  static Directive ThresholdOf(double threshold) {
    Directive directive;
    directive.run = "run";
    directive.version = 3;
    directive.layers = {{2, threshold, 0.0}};
    return directive;
  }

  TemporaryFolder folder_;
};

TEST_F(TrainerTest, RunsToTheLastStepAndEndsWithAnEvaluationAndACheckpoint) {
  OneRank rank(Steps(5));
  const std::vector<torch::Tensor> before = rank.Values();
  const TrainReport report = Trained(rank);
  EXPECT_EQ(report.steps, 5);
  EXPECT_EQ(report.last_step, 5);
  EXPECT_EQ(report.losses.size(), 5u);
  EXPECT_EQ(report.work.steps, 5u);
  EXPECT_EQ(report.work.images_open + report.work.images_skipped, 40u);
  EXPECT_EQ(report.work.tokens_open + report.work.tokens_closed, 40u * 9);
  EXPECT_EQ(report.images, static_cast<int64_t>(report.work.images_open));
  EXPECT_DOUBLE_EQ(report.activation_rate, static_cast<double>(report.work.tokens_open) / 360.0);
  EXPECT_NEAR(report.activation_rate, 0.5, 0.15);
  EXPECT_GT(report.flops, 0.0);
  EXPECT_GE(report.seconds, report.longest_step_seconds);
  EXPECT_GE(report.longest_step_seconds, report.median_step_seconds);
  EXPECT_GT(report.median_step_seconds, 0.0);
  EXPECT_EQ(Evaluated(report), (std::vector<int64_t>{5}));
  EXPECT_TRUE(report.accuracy_dense && report.accuracy_gated);
  EXPECT_EQ(ListCheckpoints(folder_.path()), (Names{CheckpointName(5)}));
  EXPECT_EQ(report.checkpoint, folder_.Path(CheckpointName(5)));
  EXPECT_TRUE(SameValues(ValuesOf(5), rank.Values()));
  EXPECT_FALSE(SameValues(before, rank.Values()));
  const service::RankStatus status = rank.board.Status();
  EXPECT_EQ(status.step, 5u);
  EXPECT_EQ(status.checkpoint, CheckpointName(5));
  EXPECT_EQ(status.phase, service::Phase::kDraining);
}

TEST_F(TrainerTest, EvaluatesAndSavesAsOftenAsItIsTold) {
  config::TrainConfig config = Steps(7);
  config.eval_every = 3;
  config.eval_mode = "dense";
  config.checkpoint_every = 2;
  config.checkpoint_keep = 2;
  OneRank rank(config);
  const TrainReport report = Trained(rank);
  EXPECT_EQ(Evaluated(report), (std::vector<int64_t>{3, 6, 7}));
  for (const CurvePoint& point : report.curve)
    EXPECT_TRUE(point.accuracy_dense && !point.accuracy_gated);
  EXPECT_EQ(ListCheckpoints(folder_.path()), (Names{CheckpointName(6), CheckpointName(7)}));
}

TEST_F(TrainerTest, TheLastStepIsEvaluatedAndSavedOnce) {
  config::TrainConfig config = Steps(4);
  config.eval_every = 2;
  config.checkpoint_every = 2;
  OneRank rank(config);
  EXPECT_EQ(Evaluated(Trained(rank)), (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(ListCheckpoints(folder_.path()), (Names{CheckpointName(2), CheckpointName(4)}));
}

// An undisturbed run, and one that is stopped, and goes on from its checkpoint with a trainer of
// its own.
TEST_F(TrainerTest, GoesOnFromACheckpointToTheBit) {
  const TemporaryFolder elsewhere;
  OneRank whole(testing::SmallRun(elsewhere.path(), 6));
  const TrainReport undisturbed = Trained(whole);
  config::TrainConfig stopped = Steps(6);
  stopped.stop_after = 4;
  OneRank first(stopped), second(Steps(6));
  const TrainReport before = Trained(first);
  EXPECT_EQ(before.last_step, 4);
  EXPECT_EQ(Evaluated(before), (std::vector<int64_t>{4}));
  EXPECT_EQ(ListCheckpoints(folder_.path()), (Names{CheckpointName(4)}));
  const checkpoint::TrainState state = second.GoOn();
  EXPECT_EQ(state.step, 4u);
  const TrainReport after = Trained(second, state);
  EXPECT_EQ(after.steps, 2) << "of this process";
  EXPECT_EQ(after.last_step, 6);
  EXPECT_EQ(after.work, undisturbed.work) << "of the run";
  EXPECT_GE(after.seconds, state.train_seconds);
  std::vector<double> losses = before.losses;
  losses.insert(losses.end(), after.losses.begin(), after.losses.end());
  EXPECT_EQ(losses, undisturbed.losses);
  EXPECT_TRUE(SameValues(second.Values(), whole.Values()));
  EXPECT_EQ(after.accuracy_gated, undisturbed.accuracy_gated);
}

TEST_F(TrainerTest, ARunThatIsOverIsOnlyEvaluated) {
  OneRank first(Steps(2)), again(Steps(2));
  const TrainReport before = Trained(first);
  const TrainReport after = Trained(again, again.GoOn());
  EXPECT_EQ(after.steps, 0);
  EXPECT_EQ(after.last_step, 2);
  EXPECT_EQ(after.accuracy_dense, before.accuracy_dense);
  EXPECT_EQ(after.median_step_seconds, 0.0);
  EXPECT_TRUE(SameValues(again.Values(), first.Values()));
}

TEST_F(TrainerTest, ADrainEndsTheRunAfterTheStep) {
  OneRank rank(Steps(50));
  absl::StatusOr<service::Answer> answer = absl::UnknownError("no answer");
  rank.board.Drain([&](absl::StatusOr<service::Answer> a) { answer = std::move(a); });
  const TrainReport report = Trained(rank);
  EXPECT_EQ(report.last_step, 1);
  EXPECT_EQ(Evaluated(report), (std::vector<int64_t>{1}));
  EXPECT_EQ(ListCheckpoints(folder_.path()), (Names{CheckpointName(1)}));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->step, 1u);
}

TEST_F(TrainerTest, ACheckpointThatIsAskedForIsSavedAfterTheStep) {
  OneRank rank(Steps(3));
  absl::StatusOr<service::Answer> answer = absl::UnknownError("no answer");
  rank.board.SaveCheckpoint([&](absl::StatusOr<service::Answer> a) { answer = std::move(a); });
  Trained(rank);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->checkpoint, CheckpointName(1));
  EXPECT_EQ(ListCheckpoints(folder_.path()), (Names{CheckpointName(1), CheckpointName(3)}));
}

TEST_F(TrainerTest, APausedRunTakesNoStepUntilItIsResumedOrDrained) {
  config::TrainConfig config = Steps(3);
  config.paused = true;
  OneRank drained(config), resumed(config);
  drained.board.Drain([](const absl::StatusOr<service::Answer>&) {});
  const TrainReport none = Trained(drained);
  EXPECT_EQ(none.steps, 0);
  EXPECT_EQ(none.last_step, 0);
  absl::StatusOr<service::Answer> answer = absl::UnknownError("no answer");
  resumed.board.Resume([&](absl::StatusOr<service::Answer> a) { answer = std::move(a); });
  EXPECT_EQ(Trained(resumed).steps, 3);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->step, 1u) << "the first one after the pause";
}

TEST_F(TrainerTest, ADirectiveHoldsFromTheStepAfterTheOneThatTookIt) {
  OneRank rank(Steps(4)), plain(Steps(4));
  rank.agreement.take_live = After(2, rank, ThresholdOf(0.9));
  const TrainReport report = Trained(rank), without = Trained(plain);
  EXPECT_EQ(report.directives_applied, 1);
  EXPECT_EQ(report.directive_version, 3u);
  EXPECT_EQ(rank.assembly.model->settings().gates[0].policy.threshold, 0.9);
  // Taken in step 3, in force in step 4.
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(report.losses[i], without.losses[i]) << i;
  EXPECT_NE(report.losses[3], without.losses[3]);
  EXPECT_LT(report.work.tokens_open, without.work.tokens_open);
}

TEST_F(TrainerTest, ADirectiveInForceHoldsFromTheFirstStep) {
  checkpoint::TrainState state;
  state.in_force = ThresholdOf(1.0);
  OneRank rank(Steps(2));
  const TrainReport report = Trained(rank, state);
  EXPECT_EQ(report.directive_version, 3u);
  EXPECT_EQ(report.directives_applied, 0) << "by this process";
  EXPECT_EQ(report.work.tokens_open, 0u);
}

TEST_F(TrainerTest, ARollBackGivesTheValuesOfTheHealthyCheckpointAndEndsARunThatNobodyCouldResume) {
  config::TrainConfig config = Steps(9);
  config.checkpoint_every = 2;
  OneRank rank(config);
  Directive directive = ThresholdOf(0.5);
  directive.breaker_action = BreakerAction::kRollBack;
  directive.breaker_level = 5;
  rank.agreement.take_live = After(2, rank, directive);
  const TrainReport report = Trained(rank);
  EXPECT_EQ(report.last_step, 3) << "agreed on in step 3";
  EXPECT_EQ(report.rollbacks, 1);
  EXPECT_TRUE(SameValues(rank.Values(), ValuesOf(2)));
  EXPECT_EQ(ListCheckpoints(folder_.path()), (Names{CheckpointName(2), CheckpointName(3)}));
  EXPECT_EQ(rank.GoOn().healthy_step, 2u) << "the breaker was open at step 3";
}

// Or who goes on from the checkpoint that was there goes back, and pauses, once more.
TEST_F(TrainerTest, ARollBackRightAfterACheckpointIsSavedByTheStopThatFollows) {
  config::TrainConfig config = Steps(9);
  config.checkpoint_every = 2;
  OneRank rank(config);
  Directive worse = ThresholdOf(0.5);
  worse.breaker_level = 4;
  Directive back = worse;
  back.version = worse.version + 1;
  back.breaker_level = 5;
  back.breaker_action = BreakerAction::kRollBack;
  rank.agreement.take_live = [&]() -> std::optional<Directive> {
    const uint64_t step = rank.board.Status().step;
    return step < 2 ? std::nullopt : std::optional(step < 3 ? worse : back);
  };
  const TrainReport report = Trained(rank);
  EXPECT_EQ(report.last_step, 4) << "agreed on in step 4, whose checkpoint was saved";
  EXPECT_TRUE(SameValues(ValuesOf(4), ValuesOf(2)));
  config.stop_after = 6;
  OneRank again(config);
  const checkpoint::TrainState state = again.GoOn();
  EXPECT_EQ(state.in_force, back);
  EXPECT_EQ(state.agreed_next, std::nullopt);
  EXPECT_EQ(state.healthy_step, 2u);
  const TrainReport after = Trained(again, state);
  EXPECT_EQ(after.rollbacks, 0) << "the second process";
  EXPECT_EQ(after.last_step, 6);
}

// Whose second half cannot be read.
class UnreadableHalf : public testing::PatternDataset {
 public:
  using PatternDataset::PatternDataset;
  absl::StatusOr<data::Sample> Get(int64_t index) const override {
    if (2 * index >= size()) return absl::DataLossError("image cannot be read");
    return PatternDataset::Get(index);
  }
};

TEST_F(TrainerTest, ImagesThatCannotBeReadEndTheRunWithTheirError) {
  const auto bad = std::make_shared<UnreadableHalf>(std::vector<uint64_t>{1, 2, 3, 4, 5, 6, 7, 8});
  OneRank training(Steps(3));
  training.datasets.train = bad;
  EXPECT_TRUE(Says(training.Train().status(), absl::StatusCode::kDataLoss, {"cannot be read"}));
  EXPECT_TRUE(ListCheckpoints(folder_.path()).empty());
  OneRank evaluating(Steps(3));
  evaluating.datasets.eval = bad;
  EXPECT_TRUE(Says(evaluating.Train().status(), absl::StatusCode::kDataLoss, {"cannot be read"}));
  // What was trained is not lost.
  EXPECT_EQ(ListCheckpoints(folder_.path()), (Names{CheckpointName(3)}));
}

TEST_F(TrainerTest, AFolderThatCannotBeWrittenIsAnError) {
  OneRank rank(Steps(2));
  rank.config.run_folder = folder_.Path("no/such/folder");
  const absl::Status status = rank.Train().status();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("save checkpoint"), absl::string_view::npos) << status;
}

}  // namespace
}  // namespace sluice::train
