#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "tests/common/wait_until.h"
#include "tests/worker/telemetry/make_snapshot.h"
#include "tests/worker/telemetry/scripted_sidecar.h"
#include "worker/telemetry/publisher.h"
#include "worker/telemetry/wire.h"

namespace sluice::telemetry {

// Last step in the ledger.
inline uint64_t LastStep(const Ledger& ledger) {
  uint64_t last = 0;
  for (const auto& [seq, message] : ledger.messages) {
    if (message.has_snapshot()) last = std::max(last, message.snapshot().last_step());
  }
  return last;
}

inline v1::Counters NewestCounters(const Ledger& ledger) {
  v1::Counters newest;
  for (const auto& [seq, message] : ledger.messages) {
    if (message.has_snapshot()) newest = message.snapshot().counters();
  }
  return newest;
}

inline v1::Directive Wire(uint64_t version) { return ToProto(MakeDirective(version)); }

inline std::pair<uint64_t, v1::RefusalReason> Refused(const Ledger& ledger, uint64_t seq) {
  const v1::DirectiveRefused& refused = ledger.messages.at(seq).directive_refused();
  return {refused.version(), refused.reason()};
}

// A publisher of run "r" and a scripted sidecar; short waits, so that faults are over soon.
class PublisherTest : public testing::Test {
 protected:
  void Start(std::deque<Script> scripts) {
    sidecar_ = std::make_unique<ScriptedSidecar>(std::move(scripts));
    config_.address = sidecar_->address();
    publisher_ = std::make_unique<Publisher>(config_);
    const absl::Status status = publisher_->Start();
    ASSERT_TRUE(status.ok()) << status;
  }
  void Steps(uint64_t first, uint64_t last) {
    for (uint64_t step = first; step <= last; ++step) publisher_->Publish(MakeSnapshot(step));
    last_step_ = last;
  }
  void Finish() {
    const absl::Status status =
        publisher_->Finish({.step = last_step_}, std::chrono::milliseconds(20000));
    EXPECT_TRUE(status.ok()) << status;
  }
  std::optional<Directive> WaitForDirective(uint64_t version) {
    std::optional<Directive> taken;
    WaitUntil([&] {
      if (auto next = publisher_->TakeDirective()) taken = next;
      return taken.has_value() && taken->version == version;
    });
    return taken;
  }

  // The ledger has every step from 1 to `last` once, all counts, and the end; seqs have no gap.
  void ExpectConserved(uint64_t last) {
    const Ledger ledger = sidecar_->ledger();
    uint64_t step = 0;
    uint64_t seq = 0;
    uint64_t offered = 0;
    for (const auto& [number, message] : ledger.messages) {
      EXPECT_EQ(number, ++seq);
      if (!message.has_snapshot()) continue;
      EXPECT_EQ(message.snapshot().first_step(), step + 1);
      step = message.snapshot().last_step();
      offered += 1 + message.snapshot().coalesced();
    }
    EXPECT_EQ(step, last);
    EXPECT_EQ(offered, last);
    EXPECT_EQ(NewestCounters(ledger).SerializeAsString(),
              ToProto(MakeSnapshot(last).counters).SerializeAsString());
    EXPECT_TRUE(ledger.messages.rbegin()->second.has_run_ended());
    EXPECT_EQ(ledger.messages.rbegin()->second.run_ended().step(), last);
    EXPECT_EQ(publisher_->Stats().durable_seq, ledger.durable_seq);
  }

  // Only tests about a stall shorten its patience: a busy machine may stop everybody for a second.
  static constexpr double kShortStall = 0.4;

  PublisherConfig config_{.run = "r",
                          .instance = "i",
                          .gates = {{.layer = 4, .scorer = "head", .policy = "threshold"}},
                          .poll_interval = std::chrono::milliseconds(5),
                          .backoff_first = std::chrono::milliseconds(10),
                          .backoff_longest = std::chrono::milliseconds(50)};
  uint64_t last_step_ = 0;
  std::unique_ptr<ScriptedSidecar> sidecar_;
  std::unique_ptr<Publisher> publisher_;
};

}  // namespace sluice::telemetry
