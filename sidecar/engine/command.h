#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "common/directive.h"
#include "sidecar/engine/messages.h"
#include "sidecar/engine/stream_sink.h"

// What other threads ask the writer thread to do.
namespace sluice::sidecar {

// A checked message of a rank.
struct StreamMessage {
  std::shared_ptr<StreamSink> sink;
  Message message;
};

// A message that failed its checks: it is refused, counted and, as far as its sender is known,
// taken as acknowledged.
struct RejectedMessage {
  std::shared_ptr<StreamSink> sink;
  uint64_t seq = 0;
  absl::Status why;
  uint64_t first_seq = {};  // As in Identity.
};

// The rank says no more on this stream, or the stream is gone. It is ended once what came before is
// durable and acknowledged.
struct StreamClosed {
  std::shared_ptr<StreamSink> sink;
};

// Called on the writer thread once the directive is durable, or with the reason why there is none.
using DirectiveDone = std::function<void(const absl::StatusOr<Directive>&)>;

struct SetThresholdCommand {
  std::string run;
  uint32_t layer = 0;
  double threshold = 0.0;
  std::string reason;
  DirectiveDone done;
};

struct ResetBreakerCommand {
  std::string run;
  std::string reason;
  DirectiveDone done;
};

// Somebody has taken note of the state files that were set aside. Answered with an empty directive.
struct AcknowledgeQuarantineCommand {
  DirectiveDone done;
};

using Command = std::variant<StreamMessage, RejectedMessage, StreamClosed, SetThresholdCommand,
                             ResetBreakerCommand, AcknowledgeQuarantineCommand>;

}  // namespace sluice::sidecar
