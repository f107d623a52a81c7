#include "sidecar/policy/probe.h"

namespace sluice::sidecar {

double ProbeLimit(const ProbeCheck& check) { return sluice::ProbeLimit(check.noise); }

bool IsWorse(const ProbeCheck& check) { return check.delta > ProbeLimit(check); }

bool CountCheck(const ProbeCheck& check, ProbeState& state) {
  const bool any = state.ok + state.worse > 0;
  if (any && check.step <= state.step) return false;
  state.step = check.step;
  state.delta = check.delta;
  state.limit = ProbeLimit(check);
  ++(IsWorse(check) ? state.worse : state.ok);
  return true;
}

}  // namespace sluice::sidecar
