// A run in the engine that probes watch, for tests of what follows from their checks.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sidecar/store/record_json.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar::testing {

// A run of one rank with one probe, under a breaker that may do all it can.
class RunHealth : public ::testing::Test {
 protected:
  RunHealth() {
    options_.breaker.last_rung = "rollback";
    Begin({}, HelloOf("i", 1), 0);
  }
  void Begin(StoredState stored, const Hello& hello, uint32_t generation) {
    bench_ = std::make_unique<Bench>(options_, std::move(stored));
    Greet(hello, generation);
  }
  void Greet(const Hello& hello, uint32_t generation) {
    generation_ = generation;
    seq_ = 0;
    sink_ = bench_->Greet({"r", 0, generation, 0, 100 + generation, 0}, hello);
  }
  void Send(const Body& body) {
    bench_->Send(sink_, {"r", 0, generation_, 0, 100 + generation_, ++seq_}, body);
  }
  void Check(uint64_t step, double delta, const std::string& probe = "old") {
    Event event{"probe", probe, step, "{}", ProbeCheck{step, delta, 0.0}, false};
    Send(event);
  }
  // All tokens are closed up to this step: a rate of 0, below every bound.
  void SendClosed(uint64_t step, bool silent) {
    GateSnapshot snapshot = SnapshotAt(step);
    snapshot.rate_alerts_silent = silent;
    snapshot.counters.layers[0].tokens_open = 0;
    snapshot.counters.layers[0].tokens_closed = 10 * step;
    Send(snapshot);
  }
  // Checks at steps first, first + 10, ...
  void Checks(uint64_t first, int count, double delta) {
    for (int i = 0; i < count; ++i) Check(first + 10 * i, delta);
  }
  // The sidecar ends and begins again: what it knows is what it wrote.
  void Restart() {
    StoredState stored;
    stored.runs.push_back(*RunFromJson(RunToJson(Record())));
    const uint32_t generation = generation_;
    Begin(std::move(stored), HelloOf("i", 1), generation);
  }
  const RunRecord& Record() {
    view_ = bench_->View();
    return view_->record;
  }
  std::vector<std::string> Firing() {
    std::vector<std::string> names;
    for (const Alert& alert : Record().alerts.firing) names.push_back(alert.name);
    return names;
  }
  PolicyOptions options_;
  std::unique_ptr<Bench> bench_;
  std::shared_ptr<FakeSink> sink_;
  std::shared_ptr<const RunView> view_;
  uint32_t generation_ = 0;
  uint64_t seq_ = 0;
};

}  // namespace sluice::sidecar::testing
