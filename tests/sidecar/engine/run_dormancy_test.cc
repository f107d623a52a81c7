// Dormant groups of a run, from counts to directives, through the engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sidecar/engine/run_health.h"

namespace sluice::sidecar {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class RunDormancy : public testing::RunHealth {
 protected:
  // Of 100 steps up to `last`, those in which "a" and "b" changed.
  void Count(uint64_t last, uint32_t a, uint32_t b) {
    Event event{"groups", std::to_string(last), last, "", {}, false};
    event.activity = GroupActivity{last - 99, last, {{"a", a}, {"b", b}}};
    Send(event);
  }
};

TEST_F(RunDormancy, ScalesComeAndGoAsGroupsDo) {
  Count(100, 100, 50);
  EXPECT_THAT(sink_->directives, IsEmpty());
  Count(200, 2, 0);
  ASSERT_EQ(sink_->directives.size(), 1u);
  const Directive& directive = sink_->directives[0];
  EXPECT_EQ(directive.group_scales, (std::vector<GroupScale>{{"a", 2.5}}));
  EXPECT_EQ(directive.based_on_step, 200u);
  EXPECT_THAT(directive.reason, HasSubstr("a in 2 (scale 2.50)"));
  EXPECT_EQ(Record().in_force, directive);
  Count(300, 2, 0);  // Nothing new.
  EXPECT_EQ(sink_->directives.size(), 1u);
  Count(400, 5, 0);
  ASSERT_EQ(sink_->directives.size(), 2u);
  EXPECT_THAT(sink_->directives[1].group_scales, IsEmpty());
}

TEST_F(RunDormancy, OtherPoliciesKeepTheScalesAndScalesKeepTheRest) {
  Count(100, 1, 100);
  Checks(110, 9, 0.5);
  const std::vector<GroupScale> scales = {{"a", 5.0}};
  EXPECT_EQ(sink_->directives.back().breaker_action, BreakerAction::kRehearse);
  EXPECT_EQ(sink_->directives.back().group_scales, scales);
  const Directive before = sink_->directives.back();
  Count(200, 4, 100);
  const Directive& after = sink_->directives.back();
  EXPECT_EQ(after.version, before.version + 1);
  EXPECT_EQ(after.layers, before.layers);
  EXPECT_EQ(after.breaker_action, before.breaker_action);
  EXPECT_EQ(after.breaker_level, before.breaker_level);
  EXPECT_EQ(after.rehearsal_share, before.rehearsal_share);
  EXPECT_EQ(after.group_scales, (std::vector<GroupScale>{{"a", 1.25}}));
}

TEST_F(RunDormancy, AScaleAboveFourFiresAnAlertUntilItIsOver) {
  Count(100, 1, 100);
  Send(testing::SnapshotAt(101));
  EXPECT_THAT(Firing(), Contains("gradient_scale"));
  Count(200, 2, 100);
  Send(testing::SnapshotAt(201));
  EXPECT_THAT(Firing(), Not(Contains("gradient_scale")));
}

TEST_F(RunDormancy, CountsThatAreSentAgainDecideNothing) {
  Count(100, 1, 100);
  Count(200, 100, 100);
  ASSERT_EQ(sink_->directives.size(), 2u);
  Event again{"groups", "100", 100, "", {}, false};
  again.activity = GroupActivity{1, 100, {{"a", 1}, {"b", 100}}};
  bench_->Send(sink_, {"r", 0, generation_, 0, 100, 1}, again);
  EXPECT_EQ(sink_->directives.size(), 2u);
}

TEST_F(RunDormancy, ARestartKeepsTheScales) {
  Count(100, 1, 100);
  Restart();
  ASSERT_TRUE(Record().in_force.has_value());
  EXPECT_EQ(Record().in_force->group_scales, (std::vector<GroupScale>{{"a", 5.0}}));
}

}  // namespace
}  // namespace sluice::sidecar
