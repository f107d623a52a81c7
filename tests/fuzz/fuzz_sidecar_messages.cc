// What a sidecar sends to rank 0, as a sequence of messages, and lines of its decision log: a
// directive that is taken is in range and above the one before.
#include <string>

#include "common/directive.h"
#include "common/status.h"
#include "tests/fuzz/frames.h"
#include "worker/telemetry/directive_inbox.h"
#include "worker/telemetry/wire.h"

namespace sluice::telemetry {
namespace {

const std::vector<uint32_t> kLayers = {2};

void Take(const Directive& directive, DirectiveInbox& inbox) {
  const uint64_t before = inbox.last_version();
  const uint64_t accepted = inbox.accepted();
  inbox.Offer(directive);
  if (inbox.accepted() == accepted) return;
  SLUICE_CHECK(ValidateDirective(directive, kLayers).ok());
  SLUICE_CHECK(directive.version > before && inbox.last_version() == directive.version);
}

}  // namespace
}  // namespace sluice::telemetry

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::telemetry;
  DirectiveInbox inbox("run-1", kLayers, 0);
  for (const std::string& frame : sluice::fuzz::SplitFrames(data, size)) {
    sluice::v1::SidecarMessage message;
    if (message.ParseFromString(frame)) {
      if (message.has_directive()) Take(FromProto(message.directive()), inbox);
      if (message.hello_reply().has_in_force()) {
        Take(FromProto(message.hello_reply().in_force()), inbox);
      }
    }
    const auto line = sluice::DirectiveFromJson(frame);
    if (!line.ok()) continue;
    Take(*line, inbox);
    const auto again = sluice::DirectiveFromJson(sluice::DirectiveToJson(*line));
    SLUICE_CHECK(again.ok() && *again == *line);
  }
  return 0;
}
