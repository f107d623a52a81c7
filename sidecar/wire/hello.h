#pragma once

#include "absl/status/statusor.h"
#include "sidecar/engine/messages.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::sidecar {

// Checks every field and copies. An error is a refusal that names the field.
absl::StatusOr<Hello> HelloFromProto(const v1::Hello& proto, const v1::Identity& identity);

void HelloReplyToProto(const HelloReply& reply, v1::HelloReply* proto);

}  // namespace sluice::sidecar
