#pragma once

#include <memory>
#include <vector>

#include "common/directive.h"
#include "common/status.h"
#include "sidecar/engine/engine.h"
#include "sidecar/store/record_json.h"
#include "sidecar/wire/counters.h"
#include "sidecar/wire/run_state.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {

// Gate layers come from the input, so only what is not about them is judged.
inline void CheckSound(const Directive& directive) {
  std::vector<uint32_t> layers;
  for (const LayerDirective& layer : directive.layers) layers.push_back(layer.layer);
  SLUICE_CHECK(ValidateDirective(directive, layers).ok());
}

inline void CheckSound(const testing::FakeSink& sink) {
  for (const Directive& directive : sink.directives) CheckSound(directive);
  for (const HelloReply& reply : sink.replies) {
    if (reply.in_force.has_value()) CheckSound(*reply.in_force);
  }
}

// What the store would write is what it would read. A number that is not finite would not be.
inline void CheckRows(const Changes& changes) {
  for (const RunRecord& run : changes.runs) {
    const auto read = RunFromJson(RunToJson(run));
    SLUICE_CHECK(read.ok() && *read == run);
  }
  for (const WindowRecord& window : changes.windows) {
    const auto read = WindowFromJson(WindowToJson(window));
    SLUICE_CHECK(read.ok() && *read == window);
  }
  for (const RankRecord& rank : changes.ranks) {
    const auto read = CountersFromBytes(CountersToBytes(rank.counters));
    SLUICE_CHECK(read.ok() && *read == rank.counters);
  }
  for (const JournalRecord& entry : changes.journal) {
    JournalRecord read = entry;
    read.decisions.clear();
    read.directive.reset();
    SLUICE_CHECK(OutcomeFromJson(OutcomeToJson(entry), read).ok() && read == entry);
    const auto input = InputFromJson(entry.input);
    SLUICE_CHECK(input.ok() && CheckReplay(*input, entry).ok());
  }
}

// Ends the batch and judges what came of it: rows, what the sinks were told, the view.
inline void CheckSound(Engine& engine, const std::vector<std::shared_ptr<testing::FakeSink>>& sinks,
                       Outbox& outbox) {
  CheckRows(engine.PendingChanges());
  engine.Committed();
  outbox.Send();
  for (const auto& sink : sinks) CheckSound(*sink);
  const auto view = engine.MakeView(0);
  for (const auto& run : view->runs) {
    v1::RunState state;
    RunStateToProto(*run, false, &state);
  }
}

}  // namespace sluice::sidecar
