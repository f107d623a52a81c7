#include "sidecar/wire/directive.h"

#include "absl/strings/str_cat.h"
#include "sidecar/engine/refusal.h"

namespace sluice::sidecar {

void DirectiveToProto(const Directive& directive, v1::Directive* proto) {
  proto->Clear();
  proto->set_run(directive.run);
  proto->set_version(directive.version);
  for (const LayerDirective& layer : directive.layers) {
    v1::LayerDirective* to = proto->add_layers();
    to->set_layer(layer.layer);
    to->set_threshold(layer.threshold);
    to->set_target_rate(layer.target_rate);
  }
  for (const GroupScale& scale : directive.group_scales) {
    v1::GroupScale* to = proto->add_group_scales();
    to->set_group(scale.group);
    to->set_scale(scale.scale);
  }
  proto->set_rehearsal_share(directive.rehearsal_share);
  proto->set_breaker_action(static_cast<v1::BreakerAction>(directive.breaker_action));
  proto->set_breaker_level(directive.breaker_level);
  proto->set_reason(directive.reason);
  proto->set_based_on_step(directive.based_on_step);
}

absl::StatusOr<Directive> DirectiveFromProto(const v1::Directive& proto) {
  Directive directive;
  directive.run = proto.run();
  directive.version = proto.version();
  for (const v1::LayerDirective& layer : proto.layers()) {
    directive.layers.push_back({layer.layer(), layer.threshold(), layer.target_rate()});
  }
  for (const v1::GroupScale& scale : proto.group_scales()) {
    directive.group_scales.push_back({scale.group(), scale.scale()});
  }
  directive.rehearsal_share = proto.rehearsal_share();
  // No action at all is what a message without one says.
  const int action = proto.breaker_action() == v1::BREAKER_ACTION_UNSPECIFIED
                         ? static_cast<int>(BreakerAction::kNone)
                         : static_cast<int>(proto.breaker_action());
  if (!v1::BreakerAction_IsValid(action)) {
    return Refuse(RefusalReason::kUnknown,
                  absl::StrCat("breaker_action is ", action, ", expected 0 to 5"));
  }
  directive.breaker_action = static_cast<BreakerAction>(action);
  directive.breaker_level = proto.breaker_level();
  directive.reason = proto.reason();
  directive.based_on_step = proto.based_on_step();
  return directive;
}

}  // namespace sluice::sidecar
