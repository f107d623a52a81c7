#pragma once

#include "absl/status/statusor.h"
#include "common/directive.h"
#include "sluice/v1/directive.pb.h"

namespace sluice::sidecar {

void DirectiveToProto(const Directive& directive, v1::Directive* proto);

// Copies without judging the values, but for an enum value that is not known: a refusal. Check with
// ValidateDirective afterwards.
absl::StatusOr<Directive> DirectiveFromProto(const v1::Directive& proto);

}  // namespace sluice::sidecar
