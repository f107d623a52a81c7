#pragma once

#include <vector>

#include "sluice/v1/telemetry.pb.h"

namespace sluice::sidecar::testing {

// A good message for every body that a WorkerMessage can have, with all messages, lists and numbers
// that it can hold, in the order in which one rank could send them: Hello, then seq 1, 2, …; lease
// epoch 1.
std::vector<v1::WorkerMessage> ExampleMessages();

// A directive for the gate of the examples' Hello, every field of it set.
v1::Directive ExampleDirective();

}  // namespace sluice::sidecar::testing
