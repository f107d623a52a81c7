// What a rank sends, as a sequence of messages: through the checks of sidecar/wire into an engine.
// Whatever comes, no directive is out of range, the state reads back as it was written, and what
// the journal says follows from what it was made from.
#include <string>

#include "sidecar/wire/message.h"
#include "tests/fuzz/frames.h"
#include "tests/fuzz/soundness.h"

namespace sluice::sidecar {
namespace {

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
  CheckSound(engine, {sink}, outbox);
  return 0;
}
