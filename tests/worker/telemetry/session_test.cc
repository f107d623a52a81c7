#include "worker/telemetry/session.h"

#include <gtest/gtest.h>

#include "tests/common/wait_until.h"
#include "tests/worker/telemetry/make_snapshot.h"
#include "tests/worker/telemetry/scripted_sidecar.h"

namespace sluice::telemetry {
namespace {

using std::chrono::seconds;

// The session at a made-up time: minutes of patience pass at once.
class SessionTest : public testing::Test {
 protected:
  void Open(std::deque<Script> scripts) {
    sidecar_ = std::make_unique<ScriptedSidecar>(std::move(scripts));
    config_.address = sidecar_->address();
    config_.run = "r";
    config_.gates = {{.layer = 4}};
    inbox_ = std::make_unique<DirectiveInbox>("r", std::vector<uint32_t>{4}, 0);
    session_ = std::make_unique<Session>(config_, inbox_.get(), std::make_shared<Wakeup>());
  }
  void TearDown() override {
    session_->Cancel(now_);
    EXPECT_TRUE(WaitUntil([&] { return session_->Settled(); }));
  }
  PublisherStats Stats() const {
    PublisherStats stats;
    session_->FillStats(stats);
    return stats;
  }
  // Steps without the time passing.
  bool StepUntil(const std::function<bool()>& condition) {
    return WaitUntil([&] {
      session_->Step(now_);
      return condition();
    });
  }

  PublisherConfig config_;
  Session::Time now_ = std::chrono::steady_clock::now();
  std::unique_ptr<ScriptedSidecar> sidecar_;
  std::unique_ptr<DirectiveInbox> inbox_;
  std::unique_ptr<Session> session_;
};

TEST_F(SessionTest, AnUnansweredHelloIsGivenUpAfterStallSeconds) {
  Open({{.answers_hello = false}});
  session_->Step(now_);
  ASSERT_TRUE(sidecar_->WaitForHellos(1));
  session_->Step(now_ + seconds(9));
  EXPECT_EQ(Stats().stalls, 0u);
  now_ += seconds(11);
  session_->Step(now_);
  EXPECT_EQ(Stats().stalls, 1u);
  EXPECT_EQ(sidecar_->hellos().size(), 1u);
  now_ += config_.backoff_first;
  ASSERT_TRUE(StepUntil([&] { return Stats().connected; }));
  EXPECT_EQ(sidecar_->hellos().size(), 2u);
}

TEST_F(SessionTest, AMissingAcknowledgementIsGivenUpAndSentAgain) {
  Open({{.acknowledges = 0}});
  session_->Offer(MakeSnapshot(1));
  ASSERT_TRUE(StepUntil([&] { return Stats().messages_sent == 1; }));
  ASSERT_TRUE(sidecar_->WaitForFaults(1));
  session_->Step(now_ + seconds(9));
  EXPECT_EQ(Stats().stalls, 0u);
  now_ += seconds(11);
  session_->Step(now_);
  EXPECT_EQ(Stats().stalls, 1u);
  now_ += config_.backoff_first;
  ASSERT_TRUE(StepUntil([&] { return session_->finished(); }));
  EXPECT_EQ(Stats().messages_resent, 1u);
  EXPECT_EQ(sidecar_->ledger().durable_seq, 1u);
}

TEST_F(SessionTest, AnIdleStreamIsNotStalled) {
  Open({});
  session_->Offer(MakeSnapshot(1));
  ASSERT_TRUE(StepUntil([&] { return session_->finished(); }));
  now_ += seconds(1000);
  session_->Step(now_);
  EXPECT_TRUE(Stats().connected);
  // The clock starts when something is written, not at the last acknowledgement.
  session_->Offer(MakeSnapshot(2));
  session_->Step(now_);
  session_->Step(now_ + seconds(9));
  EXPECT_EQ(Stats().stalls, 0u);
}

TEST_F(SessionTest, WaitsForTheBackoffBetweenAttempts) {
  Open({});
  sidecar_->Stop();
  ASSERT_TRUE(StepUntil([&] { return Stats().reconnects == 1; }));
  now_ += config_.backoff_first / 2 - std::chrono::milliseconds(1);
  session_->Step(now_);
  EXPECT_TRUE(session_->closed());
  now_ += config_.backoff_first;
  session_->Step(now_);
  EXPECT_FALSE(session_->closed());
}

TEST_F(SessionTest, EveryIdentityCarriesTheLeaseOfItsStream) {
  Open({{.acknowledges = 0, .drops_after = 1}});
  session_->Offer(MakeSnapshot(1));
  session_->Offer(MakeSnapshot(2));
  ASSERT_TRUE(StepUntil([&] { return Stats().reconnects == 1; }));
  now_ += config_.backoff_first;
  ASSERT_TRUE(StepUntil([&] { return session_->finished(); }));
  for (const auto& [seq, message] : sidecar_->ledger().messages) {
    EXPECT_EQ(message.identity().lease_epoch(), 2u);
    EXPECT_EQ(message.identity().run(), "r");
    EXPECT_EQ(message.identity().seq(), seq);
  }
}

TEST_F(SessionTest, HelloCarriesTheNewestDirective) {
  Script pushes;
  pushes.drops_after = 0;
  v1::Directive directive;
  directive.set_run("r");
  directive.set_version(3);
  directive.add_layers()->set_layer(4);
  directive.set_breaker_action(v1::BREAKER_ACTION_NONE);
  pushes.in_force = directive;
  Open({pushes});
  session_->SetInForce(MakeDirective(2));
  session_->Offer(MakeSnapshot(1));
  ASSERT_TRUE(StepUntil([&] { return Stats().reconnects == 1; }));
  now_ += config_.backoff_first;
  ASSERT_TRUE(StepUntil([&] { return session_->finished(); }));
  EXPECT_EQ(sidecar_->hellos()[0].in_force().version(), 2u);
  EXPECT_EQ(sidecar_->hellos()[1].in_force().version(), 3u);
  EXPECT_EQ(inbox_->Take()->version, 3u);
}

}  // namespace
}  // namespace sluice::telemetry
