#include "worker/telemetry/publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/worker/telemetry/make_snapshot.h"
#include "tests/worker/telemetry/publisher_fixture.h"

namespace sluice::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::HasSubstr;

// The next two tests are about what is told, the others about what goes wrong.
TEST_F(PublisherTest, DeliversEveryStepInOrderAndTheEnd) {
  Start({});
  Steps(1, 100);
  Finish();
  ExpectConserved(100);
  EXPECT_EQ(publisher_->Stats().messages_resent, 0u);
  EXPECT_EQ(sidecar_->duplicates(), 0);
  EXPECT_EQ(sidecar_->hellos().size(), 1u);
  EXPECT_FALSE(publisher_->Stats().connected);
}

TEST_F(PublisherTest, EventsArriveInOrder) {
  Start({});
  EXPECT_TRUE(publisher_->Send(CheckpointSaved{.step = 5, .name = "a"}));
  EXPECT_TRUE(publisher_->Send(DirectiveApplied{.version = 2, .step = 6}));
  Finish();
  const Ledger ledger = sidecar_->ledger();
  ASSERT_EQ(ledger.messages.size(), 3u);
  EXPECT_EQ(ledger.messages.at(1).checkpoint_saved().name(), "a");
  EXPECT_EQ(ledger.messages.at(2).directive_applied().step(), 6u);
  EXPECT_TRUE(ledger.messages.at(3).has_run_ended());
}

TEST_F(PublisherTest, SurvivesASidecarThatNeverAnswersHello) {
  config_.stall_seconds = kShortStall;
  Start({{.answers_hello = false}, {.answers_hello = false}});
  Steps(1, 50);
  ASSERT_TRUE(sidecar_->WaitForHellos(3));
  Finish();
  EXPECT_EQ(sidecar_->faults(), 2);
  EXPECT_GE(publisher_->Stats().stalls, 2u);
  ExpectConserved(50);
}

TEST_F(PublisherTest, SurvivesASidecarThatStopsAcknowledging) {
  config_.stall_seconds = kShortStall;
  Start({{.acknowledges = 3}, {.acknowledges = 0}});
  Steps(1, 200);
  ASSERT_TRUE(sidecar_->WaitForHellos(3));
  Finish();
  EXPECT_EQ(sidecar_->faults(), 2);
  EXPECT_GE(publisher_->Stats().stalls, 2u);
  EXPECT_GE(publisher_->Stats().messages_resent, 1u);
  ExpectConserved(200);
}

TEST_F(PublisherTest, SurvivesStreamsThatAreDropped) {
  std::deque<Script> scripts;
  for (const int after : {0, 1, 2, 5, 0, 13}) scripts.push_back({.drops_after = after});
  Start(scripts);
  for (int dropped = 1; dropped <= 6; ++dropped) {
    Steps(last_step_ + 1, last_step_ + 50);
    ASSERT_TRUE(sidecar_->WaitForFaults(dropped));
  }
  Finish();
  EXPECT_EQ(sidecar_->faults(), 6);
  EXPECT_EQ(publisher_->Stats().reconnects, 6u);
  ExpectConserved(last_step_);
}

TEST_F(PublisherTest, ASidecarThatLostItsStateGetsAllCountsAgain) {
  Start({});
  Steps(1, 40);
  ASSERT_TRUE(sidecar_->WaitFor([](const Ledger& ledger) { return LastStep(ledger) == 40; }));
  sidecar_->Forget();
  ASSERT_TRUE(sidecar_->WaitForHellos(2));
  ASSERT_TRUE(sidecar_->WaitFor([](const Ledger& ledger) { return LastStep(ledger) == 40; }));
  EXPECT_EQ(NewestCounters(sidecar_->ledger()).layers(0).tokens_open(), 400u);
  Steps(41, 60);
  Finish();
  EXPECT_EQ(NewestCounters(sidecar_->ledger()).layers(0).tokens_open(), 600u);
}

TEST_F(PublisherTest, SurvivesARestartOfTheSidecar) {
  Start({});
  Steps(1, 40);
  ASSERT_TRUE(sidecar_->WaitFor([](const Ledger& ledger) { return LastStep(ledger) == 40; }));
  sidecar_->Stop();
  Steps(41, 400);
  sidecar_->Restart();
  Finish();
  EXPECT_GE(publisher_->Stats().reconnects, 1u);
  ExpectConserved(400);
}

TEST_F(PublisherTest, ManyStepsForASlowSidecarCoalesceAndAreConserved) {
  config_.stall_seconds = kShortStall;
  config_.ring_capacity = 16;
  config_.max_snapshots = 3;
  config_.max_in_flight = 2;
  Start({{.acknowledges = 0}});
  Steps(1, 10);
  ASSERT_TRUE(sidecar_->WaitForFaults(1));
  Steps(11, 5000);
  Finish();
  const PublisherStats stats = publisher_->Stats();
  EXPECT_EQ(stats.snapshots_accepted + stats.snapshots_dropped, 5000u);
  EXPECT_GT(stats.snapshots_dropped, 0u);
  EXPECT_GT(stats.snapshots_coalesced_later, 0u);
  EXPECT_LT(sidecar_->ledger().messages.size(), 4000u);
  ExpectConserved(5000);
}

TEST_F(PublisherTest, ARefusedMessageCountsAsAcknowledged) {
  Start({{.refuses_seq = 2}});
  Steps(1, 5);
  Finish();
  EXPECT_EQ(sidecar_->faults(), 1);
  EXPECT_EQ(publisher_->Stats().messages_refused, 1u);
  EXPECT_EQ(sidecar_->ledger().messages.count(2), 0u);
  EXPECT_EQ(NewestCounters(sidecar_->ledger()).steps(), 5u);
}

TEST_F(PublisherTest, ARefusedHelloIsTriedAgain) {
  Start({{.refuses_hello = true}, {.refuses_hello = true}});
  Steps(1, 5);
  Finish();
  EXPECT_EQ(sidecar_->faults(), 2);
  ExpectConserved(5);
}

TEST_F(PublisherTest, TakesGoodDirectivesAndRefusesBadOnes) {
  Script script;
  v1::Directive nan = Wire(5);
  nan.mutable_layers(0)->set_threshold(std::numeric_limits<double>::quiet_NaN());
  v1::Directive high = Wire(6);
  high.mutable_layers(0)->set_threshold(1.0001);
  v1::Directive foreign = Wire(7);
  foreign.set_run("other");
  script.directives = {Wire(3), Wire(3), nan, high, Wire(2), foreign, Wire(4)};
  config_.in_force = MakeDirective(2);
  Start({script});
  ASSERT_TRUE(sidecar_->WaitFor([](const Ledger& l) { return l.messages.size() == 4; }));
  const auto taken = WaitForDirective(4);
  EXPECT_EQ(taken, MakeDirective(4));
  EXPECT_EQ(publisher_->TakeDirective(), std::nullopt);
  Finish();
  const Ledger ledger = sidecar_->ledger();
  EXPECT_EQ(Refused(ledger, 1), std::make_pair(uint64_t{5}, v1::REFUSAL_REASON_OUT_OF_RANGE));
  EXPECT_EQ(Refused(ledger, 2), std::make_pair(uint64_t{6}, v1::REFUSAL_REASON_OUT_OF_RANGE));
  EXPECT_EQ(Refused(ledger, 3), std::make_pair(uint64_t{2}, v1::REFUSAL_REASON_STALE));
  EXPECT_EQ(Refused(ledger, 4), std::make_pair(uint64_t{7}, v1::REFUSAL_REASON_UNKNOWN));
  const PublisherStats stats = publisher_->Stats();
  EXPECT_EQ(stats.directives_accepted, 2u);
  EXPECT_EQ(stats.directives_repeated, 1u);
  EXPECT_EQ(stats.directives_refused, 4u);
}

TEST_F(PublisherTest, TheDirectiveOfHelloReplyIsTakenOnceOverReconnects) {
  Script script;
  script.in_force = Wire(3);
  script.drops_after = 0;
  Script again = script;
  again.drops_after = 1 << 30;
  Start({script, again});
  Steps(1, 1);
  ASSERT_TRUE(sidecar_->WaitForHellos(2));
  EXPECT_EQ(WaitForDirective(3), MakeDirective(3));
  Finish();
  EXPECT_EQ(publisher_->TakeDirective(), std::nullopt);
  EXPECT_EQ(publisher_->Stats().directives_refused, 0u);
  EXPECT_EQ(sidecar_->hellos()[1].in_force().version(), 3u);
}

TEST_F(PublisherTest, OtherRanksTakeNoDirective) {
  Script script;
  script.directives = {Wire(3)};
  config_.rank = 1;
  config_.world_size = 2;
  Start({script});
  Steps(1, 3);
  Finish();
  EXPECT_EQ(publisher_->TakeDirective(), std::nullopt);
  EXPECT_EQ(publisher_->Stats().directives_accepted, 0u);
  EXPECT_EQ(sidecar_->ledger().messages.at(1).identity().rank(), 1u);
}

TEST_F(PublisherTest, FinishReturnsByTheDeadlineWithoutASidecar) {
  Start({});
  sidecar_->Stop();
  Steps(1, 20);
  const auto begin = steady_clock::now();
  const absl::Status status = publisher_->Finish({.step = 20}, milliseconds(300));
  const auto took = steady_clock::now() - begin;
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(config_.address));
  EXPECT_GE(took, milliseconds(290));
  EXPECT_LT(took, std::chrono::seconds(10));
}

TEST_F(PublisherTest, FinishReturnsByTheDeadlineWithASilentSidecar) {
  config_.stall_seconds = 60.0;
  Start({{.acknowledges = 0}});
  Steps(1, 20);
  ASSERT_TRUE(sidecar_->WaitForFaults(1));
  const auto begin = steady_clock::now();
  EXPECT_TRUE(absl::IsDeadlineExceeded(publisher_->Finish({.step = 20}, milliseconds(300))));
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(PublisherTest, TheDestructorDoesNotHang) {
  config_.stall_seconds = 60.0;
  Start({{.answers_hello = false}});
  Steps(1, 20);
  ASSERT_TRUE(sidecar_->WaitForFaults(1));
  const auto begin = steady_clock::now();
  publisher_ = nullptr;
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(PublisherTest, TooManyEventsAreCounted) {
  config_.max_events = 3;
  Start({});
  sidecar_->Stop();
  for (int i = 0; i < 50; ++i) publisher_->Send(DirectiveApplied{.version = 1});
  ASSERT_TRUE(WaitUntil([&] { return publisher_->Stats().events_dropped >= 44; }));
}

TEST(PublisherOffTest, WithoutAnAddressEveryCallDoesNothing) {
  Publisher publisher(PublisherConfig{});
  EXPECT_TRUE(publisher.Start().ok());
  publisher.Publish(MakeSnapshot(1));
  publisher.SetInForce(MakeDirective(1));
  EXPECT_TRUE(publisher.Send(RunEnded{}));
  EXPECT_EQ(publisher.TakeDirective(), std::nullopt);
  EXPECT_TRUE(publisher.Finish({}, milliseconds(1)).ok());
  EXPECT_EQ(publisher.Stats().snapshots_offered, 0u);
}

TEST(PublisherConfigTest, BadValuesAreNamed) {
  const auto error = [](auto change) {
    PublisherConfig config{.address = "127.0.0.1:1", .run = "r"};
    change(config);
    return std::string(Publisher(config).Start().message());
  };
  EXPECT_THAT(error([](auto& c) { c.address = "nowhere"; }), HasSubstr("'nowhere'"));
  EXPECT_THAT(error([](auto& c) { c.address = "h:0"; }), HasSubstr("h:0"));
  EXPECT_THAT(error([](auto& c) { c.run = ""; }), HasSubstr("telemetry.run"));
  EXPECT_THAT(error([](auto& c) { c.rank = 1; }), HasSubstr("rank is 1, expected under 1"));
  EXPECT_THAT(error([](auto& c) { c.stall_seconds = 0; }), HasSubstr("stall_seconds is 0"));
  EXPECT_THAT(error([](auto& c) { c.gates.resize(5); }), HasSubstr("5 gates, expected at most 4"));
  EXPECT_THAT(error([](auto& c) { c.max_events = 0; }), HasSubstr("max_events"));
  EXPECT_THAT(error([](auto& c) { c.backoff_first = milliseconds(0); }), HasSubstr("backoff"));
}

}  // namespace
}  // namespace sluice::telemetry
