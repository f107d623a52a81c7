#include "sidecar/engine/replay.h"

#include <gtest/gtest.h>

#include <set>

#include "sidecar/store/record_json.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using testing::HelloOf;
using testing::SnapshotAt;

// A run in which every kind of decision is made; each is replayed from what the journal keeps.
class ReplayTest : public ::testing::Test {
 protected:
  ReplayTest() : bench_(Options()) {
    Hello hello = HelloOf("i", 1);
    hello.in_force = Directive{};
    hello.in_force->run = "r";
    hello.in_force->version = 5;
    hello.in_force->layers = {{testing::kLayer, 0.3, 0.0}};
    hello.in_force->breaker_level = kRollBack;  // Above what is allowed.
    sink_ = bench_.Greet({"r", 0, 0, 0, 1, 0}, hello);
    for (uint64_t step = 1; step <= 60; ++step) Send(SnapshotAt(step));
    for (uint64_t step = 10; step <= 60; step += 10) {
      Event probe{"probe", "old", step, "{}", ProbeCheck{step, 0.0, 0.001}};  // Calm: a rung down.
      Send(probe);
    }
    Event groups{"groups", "60", 60, "", {}, false};
    groups.activity = GroupActivity{1, 60, {{"a", 1}, {"b", 60}}};
    Send(groups);
    bench_.Apply(SetThresholdCommand{"r", testing::kLayer, 0.45, "why", [](const auto&) {}});
    bench_.Apply(ResetBreakerCommand{"r", "enough", [](const auto&) {}});
  }
  static PolicyOptions Options() {
    PolicyOptions options;
    options.breaker.last_rung = "freeze";
    return options;
  }
  void Send(const Body& body) { bench_.Send(sink_, {"r", 0, 0, 0, 1, ++seq_}, body); }

  testing::Bench bench_;
  std::shared_ptr<testing::FakeSink> sink_;
  uint64_t seq_ = 0;
};

TEST_F(ReplayTest, EveryKindLeadsToTheSameDirectives) {
  std::set<std::string> kinds;
  uint64_t serial = 0;
  for (const JournalRecord& entry : bench_.journal) {
    EXPECT_EQ(entry.serial, ++serial);
    kinds.insert(entry.kind);
    const auto input = InputFromJson(entry.input);
    ASSERT_TRUE(input.ok()) << input.status();
    EXPECT_TRUE(CheckReplay(*input, entry).ok()) << CheckReplay(*input, entry);
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"adopted", "bound", "dormancy", "probe", "reset_breaker",
                                          "set_threshold", "window"}));
  // All that was pushed is in it.
  std::set<uint64_t> versions;
  for (const JournalRecord& entry : bench_.journal) {
    if (entry.directive.has_value()) versions.insert(entry.directive->version);
  }
  for (const Directive& directive : sink_->directives) {
    EXPECT_TRUE(versions.contains(directive.version)) << directive.version;
  }
}

TEST_F(ReplayTest, ADifferenceIsNamed) {
  for (JournalRecord entry : bench_.journal) {
    if (!entry.directive.has_value()) continue;
    entry.directive->layers[0].threshold += 1e-15;
    const absl::Status status = CheckReplay(*InputFromJson(entry.input), entry);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << entry.kind;
    EXPECT_NE(status.message().find("the journal has"), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice::sidecar
