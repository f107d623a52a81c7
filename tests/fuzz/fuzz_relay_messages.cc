// What a relay sends, as a sequence of requests whose lanes are ranks: through the same checks as a
// rank's own stream, with ranges of numbers, into an engine. What is judged is what is judged of
// ranks.
#include <map>
#include <string>

#include "sidecar/ingest/command_of.h"
#include "tests/fuzz/frames.h"
#include "tests/fuzz/soundness.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::sidecar;
  Engine engine({}, {});
  Outbox outbox;
  std::vector<std::shared_ptr<testing::FakeSink>> sinks;
  std::map<uint64_t, std::shared_ptr<testing::FakeSink>> lanes;
  for (const std::string& frame : sluice::fuzz::SplitFrames(data, size)) {
    sluice::v1::RelayRequest request;
    if (!request.ParseFromString(frame)) continue;
    for (const auto& entry : request.lanes()) {
      // Few, so that several entries are for the same one.
      auto& sink = lanes[entry.lane() % 8];
      if (sink == nullptr) sink = sinks.emplace_back(std::make_shared<testing::FakeSink>());
      if (entry.has_message()) {
        engine.Apply(CommandOf(sink, entry.message(), absl::OkStatus(), entry.first_seq()), outbox);
      } else {
        engine.Apply(StreamClosed{sink}, outbox);
        sink.reset();
      }
    }
  }
  CheckSound(engine, sinks, outbox);
  return 0;
}
