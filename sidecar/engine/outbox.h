#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "sidecar/engine/command.h"

namespace sluice::sidecar {

// What a batch of commands wants said once it is durable. Not synchronised: the writer's own.
struct Outbox {
  std::vector<std::function<void()>> replies;            // Answers to Hello, refusals.
  std::map<std::shared_ptr<StreamSink>, uint64_t> acks;  // Newest durable seq per stream.
  std::vector<std::function<void()>> pushes;             // Directives, ends of streams.
  std::vector<std::pair<DirectiveDone, absl::StatusOr<Directive>>> answers;  // To commands.

  // Says it all, in this order, and becomes empty.
  void Send();
  // Answers the commands with UNAVAILABLE and drops the rest: it never became durable.
  void Abandon();
};

}  // namespace sluice::sidecar
