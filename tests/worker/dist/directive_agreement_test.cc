#include "worker/dist/directive_agreement.h"

#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/dist/ranks.h"

namespace sluice::dist {
namespace {

using telemetry::DecisionEntry;
using telemetry::DirectiveReplay;
using telemetry::ReadDecisionLog;
using testing::RunRanks;

Directive MakeDirective(uint64_t version) {
  Directive directive;
  directive.run = "run";
  directive.version = version;
  directive.layers = {{2, 0.1 * static_cast<double>(version % 7), 0.3}};
  directive.group_scales = {{"blocks.1.mlp", 1.0 + 1.0 / 3.0}};
  directive.reason = absl::StrCat("reason of ", version);
  return directive;
}

AgreementOptions Options() {
  AgreementOptions options;
  options.layers = {2};
  return options;
}

// What a training step does with the agreement. Returns the directive in force during the step,
// which is the same one from its begin to its end: a step's update comes after Accept.
absl::StatusOr<std::optional<Directive>> RunStep(Group& group, DirectiveAgreement& agreement,
                                                 uint64_t step) {
  agreement.Begin(step);
  std::optional<Directive> in_force = agreement.in_force();
  ControlInput input;
  agreement.FillControl(step, input);
  EXPECT_EQ(input.applied_version, in_force ? in_force->version : 0) << "step " << step;
  EXPECT_EQ(agreement.in_force(), in_force) << "applied when it was received, step " << step;
  ControlExchange exchange(group);
  exchange.Start(input);
  exchange.StartStatistics({0.0});
  SLUICE_ASSIGN_OR_RETURN(const ControlResult result, exchange.Finish());
  SLUICE_RETURN_IF_ERROR(agreement.AwaitDurable());
  SLUICE_RETURN_IF_ERROR(agreement.Accept(step, result));
  EXPECT_EQ(agreement.in_force(), in_force) << "applied when it was accepted, step " << step;
  EXPECT_EQ(agreement.version(), in_force ? in_force->version : 0) << "step " << step;
  return in_force;
}

// Runs steps first..last on `size` ranks; `live` says what rank 0's inbox holds at each step.
// Returns versions per rank and step.
std::vector<std::vector<uint64_t>> RunSteps(
    int size, uint64_t first, uint64_t last, const std::function<AgreementOptions(int)>& make,
    const std::function<std::optional<Directive>(uint64_t)>& live) {
  std::vector<std::vector<uint64_t>> versions(size);
  RunRanks(size, [&](Group& group) {
    uint64_t now = first;
    AgreementOptions options = make(group.rank());
    if (group.rank() == 0) options.take_live = [&] { return live(now); };
    auto agreement = DirectiveAgreement::Make(&group, std::move(options));
    ASSERT_TRUE(agreement.ok()) << agreement.status();
    for (; now <= last; ++now) {
      const auto in_force = RunStep(group, *agreement, now);
      ASSERT_TRUE(in_force.ok()) << in_force.status();
      if (*in_force) {
        EXPECT_EQ(**in_force, MakeDirective((*in_force)->version));
      }
      versions[group.rank()].push_back(*in_force ? (*in_force)->version : 0);
    }
    ASSERT_TRUE(agreement->AwaitDurable().ok());
  });
  return versions;
}

// An inbox whose newest directive has version 5 at step 3 and 9 from step 6 on.
std::optional<Directive> FiveThenNine(uint64_t step) {
  if (step < 3) return std::nullopt;
  return MakeDirective(step < 6 ? 5 : 9);
}

const std::vector<uint64_t> kFiveThenNine = {0, 0, 0, 5, 5, 5, 9, 9};

TEST(DirectiveAgreementTest, OfferedAtOneStepAppliesAtTheNextOnAllRanks) {
  for (const int size : {1, 2, 3}) {
    const TemporaryFolder folder;
    const auto make = [&folder](int rank) {
      AgreementOptions options = Options();
      options.decision_log = folder.Path("decisions");
      options.applied_log = folder.Path(absl::StrCat("applied-", rank));
      options.generation = 4;
      return options;
    };
    const auto versions = RunSteps(size, 1, 8, make, FiveThenNine);
    for (int rank = 0; rank < size; ++rank) {
      EXPECT_EQ(versions[rank], kFiveThenNine) << rank;
      EXPECT_EQ(*ReadFile(folder.Path(absl::StrCat("applied-", rank))),
                "{\"version\":5,\"step\":4}\n{\"version\":9,\"step\":7}\n");
    }
    EXPECT_EQ(*ReadDecisionLog(folder.Path("decisions")),
              (std::vector<DecisionEntry>{{4, 4, MakeDirective(5)}, {7, 4, MakeDirective(9)}}));
  }
}

TEST(DirectiveAgreementTest, TheDecisionIsDurableWhenAwaitDurableReturns) {
  const TemporaryFolder folder;
  RunRanks(2, [&folder](Group& group) {
    AgreementOptions options = Options();
    options.decision_log = folder.Path("decisions");
    if (group.rank() == 0) options.take_live = [] { return MakeDirective(5); };
    auto agreement = DirectiveAgreement::Make(&group, std::move(options));
    ASSERT_TRUE(agreement.ok()) << agreement.status();
    ASSERT_TRUE(RunStep(group, *agreement, 3).ok());
    EXPECT_EQ(agreement->version(), 0u);
    ASSERT_TRUE(agreement->agreed_next().has_value());
    EXPECT_EQ(*agreement->agreed_next(), MakeDirective(5));
    // The next step's parameters change after this call.
    ASSERT_TRUE(agreement->AwaitDurable().ok());
    if (group.rank() == 0) {
      EXPECT_EQ(*ReadDecisionLog(folder.Path("decisions")),
                (std::vector<DecisionEntry>{{4, 0, MakeDirective(5)}}));
    }
  });
}

TEST(DirectiveAgreementTest, AReplayGivesTheSameStepsAndIgnoresTheInbox) {
  const std::vector<DecisionEntry> entries = {{4, 0, MakeDirective(5)}, {7, 0, MakeDirective(9)}};
  const TemporaryFolder folder;
  const auto make = [&](int) {
    AgreementOptions options = Options();
    options.decision_log = folder.Path("decisions");
    options.replay.emplace(entries, 0);
    return options;
  };
  // The inbox has version 20 all along; it may speak only where the log ends.
  const auto versions = RunSteps(2, 1, 9, make, [](uint64_t) { return MakeDirective(20); });
  for (const auto& of_rank : versions)
    EXPECT_EQ(of_rank, (std::vector<uint64_t>{0, 0, 0, 5, 5, 5, 9, 20, 20}));
  // Another run's log was replayed, so this run's own log holds every decision.
  EXPECT_EQ(*ReadDecisionLog(folder.Path("decisions")),
            (std::vector<DecisionEntry>{
                {4, 0, MakeDirective(5)}, {7, 0, MakeDirective(9)}, {8, 0, MakeDirective(20)}}));
}

TEST(DirectiveAgreementTest, ARestoredRunGoesThroughTheSameVersionsAndDoesNotRepeatItsLog) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("decisions");
  const auto fresh = [&path](int) {
    AgreementOptions options = Options();
    options.decision_log = path;
    return options;
  };
  RunSteps(2, 1, 8, fresh, FiveThenNine);
  const std::string log = *ReadFile(path);
  for (const uint64_t done : {2, 3, 4, 6, 7}) {
    const std::vector<DecisionEntry> entries = *ReadDecisionLog(path);
    const auto restored = [&](int) {
      AgreementOptions options = fresh(0);
      options.generation = 1;
      options.replay.emplace(entries, done);
      options.replay_is_own_log = true;
      options.in_force = options.replay->InForceAt(done);
      options.agreed_next = options.replay->At(done + 1);
      return options;
    };
    const auto versions = RunSteps(2, done + 1, 8, restored, [](uint64_t) { return std::nullopt; });
    for (const auto& of_rank : versions) {
      EXPECT_EQ(of_rank, (std::vector<uint64_t>(kFiveThenNine.begin() + done, kFiveThenNine.end())))
          << done;
    }
    EXPECT_EQ(*ReadFile(path), log) << done;
  }
}

TEST(DirectiveAgreementTest, AStaleDirectiveOfTheInboxIsNotOffered) {
  const auto make = [](int) {
    AgreementOptions options = Options();
    options.in_force = MakeDirective(6);
    return options;
  };
  const auto versions =
      RunSteps(2, 1, 4, make, [](uint64_t step) { return MakeDirective(step == 1 ? 5 : 6); });
  for (const auto& of_rank : versions) EXPECT_EQ(of_rank, (std::vector<uint64_t>{6, 6, 6, 6}));
}

TEST(DirectiveAgreementTest, DifferentVersionsEndEveryRankBeforeAnythingIsTaken) {
  RunRanks(3, [](Group& group) {
    AgreementOptions options = Options();
    options.in_force = MakeDirective(1 + group.rank());
    if (group.rank() == 0) options.take_live = [] { return MakeDirective(8); };
    auto agreement = DirectiveAgreement::Make(&group, std::move(options));
    ASSERT_TRUE(agreement.ok()) << agreement.status();
    const absl::Status status = RunStep(group, *agreement, 12).status();
    EXPECT_TRUE(Says(status, absl::StatusCode::kAborted,
                     {"step 12", "rank 0 version 1", "rank 1 version 2", "rank 2 version 3"}));
    EXPECT_FALSE(agreement->agreed_next().has_value());
  });
}

TEST(DirectiveAgreementTest, ADirectiveForOtherLayersIsRefusedOnEveryRank) {
  RunRanks(2, [](Group& group) {
    AgreementOptions options = Options();
    options.layers = {3};
    if (group.rank() == 0) options.take_live = [] { return MakeDirective(8); };
    auto agreement = DirectiveAgreement::Make(&group, std::move(options));
    ASSERT_TRUE(agreement.ok()) << agreement.status();
    const absl::Status status = RunStep(group, *agreement, 2).status();
    EXPECT_TRUE(SaysInvalid(status, {"directive 8", "step 2", "expected gate layer 3"}));
    EXPECT_FALSE(agreement->agreed_next().has_value());
  });
}

TEST(DirectiveAgreementTest, ALogThatCannotBeOpenedIsAnError) {
  absl::StatusOr<Group> group = Group::Alone();
  ASSERT_TRUE(group.ok());
  const TemporaryFolder folder;
  AgreementOptions options = Options();
  options.decision_log = folder.Path("no/such/folder/decisions");
  EXPECT_FALSE(DirectiveAgreement::Make(&*group, std::move(options)).ok());
}

}  // namespace
}  // namespace sluice::dist
