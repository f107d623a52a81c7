#pragma once

#include <string>
#include <vector>

#include "sidecar/engine/command.h"
#include "sidecar/engine/engine.h"

// What the sidecar's tests share: a rank that notes what it is told, and messages with closed-form
// counters.
namespace sluice::sidecar::testing {

class FakeSink : public StreamSink {
 public:
  void Reply(const HelloReply& reply) override { replies.push_back(reply); }
  void Ack(uint64_t seq) override { acks.push_back(seq); }
  void Push(const Directive& directive) override { directives.push_back(directive); }
  void Refuse(uint64_t, RefusalReason reason, const std::string& detail) override {
    refusals.push_back(ReasonName(reason) + ": " + detail);
  }
  void End() override { ended = true; }
  void Close(const std::string& why) override { closed = why; }

  std::vector<HelloReply> replies;
  std::vector<uint64_t> acks;
  std::vector<Directive> directives;
  std::vector<std::string> refusals;
  std::string closed;
  bool ended = false;
};

inline constexpr uint32_t kLayer = 2;

// Counters after `step` steps of 10 tokens with score 0.5, 4 of them open.
inline Counters CountersAt(uint64_t step) {
  Counters counters;
  counters.steps = step;
  counters.images_open = 3 * step;
  counters.images_skipped = step;
  counters.backward_steps = step;
  counters.layer_count = 1;
  LayerCounters& layer = counters.layers[0];
  layer.layer = kLayer;
  layer.tokens_open = 4 * step;
  layer.tokens_closed = 6 * step;
  layer.score_sum_micro = 5000000 * step;
  layer.score_square_sum_micro = 2500000 * step;
  layer.score_histogram[ScoreBin(0.5)] = 10 * step;
  counters.step.bins[3] = step;
  counters.step.sum_micros = 7 * step;
  return counters;
}

inline GateSnapshot SnapshotAt(uint64_t step) {
  GateSnapshot snapshot;
  snapshot.first_step = snapshot.last_step = step;
  snapshot.counters = CountersAt(step);
  snapshot.layers[0] = {kLayer, 0.3, 0.0};
  snapshot.loss = 1.5;
  return snapshot;
}

inline Hello HelloOf(const std::string& instance, uint32_t world_size, uint64_t start_step = 0) {
  Hello hello;
  hello.instance = instance;
  hello.world_size = world_size;
  hello.gates = {{kLayer, "head", "threshold", 0.3, 0.0}};
  hello.start_step = start_step;
  if (start_step > 0) hello.start_counters = CountersAt(start_step);
  return hello;
}

// An engine with what a rank needs to speak to it; each call is one batch.
class Bench {
 public:
  explicit Bench(const PolicyOptions& options = {}, StoredState stored = {})
      : engine(options, std::move(stored)) {}

  std::shared_ptr<FakeSink> Greet(Identity identity, const Hello& hello) {
    auto sink = std::make_shared<FakeSink>();
    Apply(StreamMessage{sink, {identity, hello}});
    return sink;
  }
  void Send(const std::shared_ptr<FakeSink>& sink, Identity identity, const Body& body) {
    if (!sink->replies.empty()) identity.lease_epoch = sink->replies[0].lease_epoch;
    Apply(StreamMessage{sink, {identity, body}});
  }
  void Apply(const Command& command) {
    engine.Apply(command, outbox);
    const Changes changes = engine.PendingChanges();
    for (const auto& window : changes.windows) windows.push_back(window);
    for (const auto& entry : changes.journal) {
      journal.push_back(entry);
      decisions.insert(decisions.end(), entry.decisions.begin(), entry.decisions.end());
    }
    engine.Committed();
    outbox.Send();
  }
  std::shared_ptr<const RunView> View(const std::string& run = "r") {
    return engine.MakeView(0)->Find(run);
  }

  Engine engine;
  Outbox outbox;
  std::vector<WindowRecord> windows;
  std::vector<DecisionRecord> decisions;
  std::vector<JournalRecord> journal;
};

}  // namespace sluice::sidecar::testing
