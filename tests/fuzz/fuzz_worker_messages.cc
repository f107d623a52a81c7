// What a rank sends, as a sequence of messages: through the checks of sidecar/wire into an engine.
// Whatever comes, no directive is out of range, the state reads back as it was written, and what
// the journal says follows from what it was made from.
#include <string>

#include "common/directive.h"
#include "common/status.h"
#include "sidecar/store/record_json.h"
#include "sidecar/wire/counters.h"
#include "sidecar/wire/message.h"
#include "sidecar/wire/run_state.h"
#include "tests/fuzz/frames.h"
#include "tests/sidecar/testing/examples.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

// Gate layers come from the input, so only what is not about them is judged.
void CheckSound(const Directive& directive) {
  std::vector<uint32_t> layers;
  for (const LayerDirective& layer : directive.layers) layers.push_back(layer.layer);
  SLUICE_CHECK(ValidateDirective(directive, layers).ok());
}

void CheckSound(const testing::FakeSink& sink) {
  for (const Directive& directive : sink.directives) CheckSound(directive);
  for (const HelloReply& reply : sink.replies) {
    if (reply.in_force.has_value()) CheckSound(*reply.in_force);
  }
}

// What the store would write is what it would read.
void CheckRows(const Changes& changes) {
  for (const RunRecord& run : changes.runs) {
    const auto read = RunFromJson(RunToJson(run));
    SLUICE_CHECK(read.ok() && read->window_end == run.window_end);
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

void Say(const std::string& bytes, const std::shared_ptr<testing::FakeSink>& sink, Engine& engine,
         Outbox& outbox) {
  v1::WorkerMessage proto;
  if (!proto.ParseFromString(bytes)) return;
  const auto message = MessageFromProto(proto);
  if (message.ok()) {
    engine.Apply(StreamMessage{sink, *message}, outbox);
  } else {
    engine.Apply(RejectedMessage{sink, 0, message.status()}, outbox);
  }
}

}  // namespace
}  // namespace sluice::sidecar

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::sidecar;
  Engine engine({}, {});
  Outbox outbox;
  const auto sink = std::make_shared<testing::FakeSink>();
  for (const std::string& frame : sluice::fuzz::SplitFrames(data, size)) {
    Say(frame, sink, engine, outbox);
  }
  CheckRows(engine.PendingChanges());
  engine.Committed();
  outbox.Send();
  CheckSound(*sink);
  const auto view = engine.MakeView(0);
  for (const auto& run : view->runs) {
    sluice::v1::RunState state;
    RunStateToProto(*run, false, &state);
  }
  return 0;
}
