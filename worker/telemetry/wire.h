#pragma once

#include "common/counters.h"
#include "common/directive.h"
#include "common/snapshot.h"
#include "sluice/v1/telemetry.pb.h"
#include "worker/telemetry/event.h"
#include "worker/telemetry/publisher_config.h"

namespace sluice::telemetry {

// Between the worker's plain structs and the messages of proto/sluice/v1. Nothing else in the
// worker knows both. This header includes Protobuf: never include it from a file that includes
// LibTorch. Values are copied as they are; checking them is the receiver's business.

v1::Counters ToProto(const Counters& counters);
v1::GateSnapshot ToProto(const GateSnapshot& snapshot);
v1::Directive ToProto(const Directive& directive);
Directive FromProto(const v1::Directive& directive);

// Sets `message`'s body.
void SetBody(const GateSnapshot& snapshot, v1::WorkerMessage& message);
void SetBody(const Event& event, v1::WorkerMessage& message);

// Hello from `config`, with `in_force` (may be null) in place of the configuration's directive.
v1::Hello MakeHello(const PublisherConfig& config, const Directive* in_force);

}  // namespace sluice::telemetry
