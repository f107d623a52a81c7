#pragma once

#include "sidecar/engine/view.h"
#include "sluice/v1/runs.pb.h"

namespace sluice::sidecar {

// A run as the service Runs shows it; without the counters' histograms if `brief`.
void RunStateToProto(const RunView& view, bool brief, v1::RunState* proto);

void WindowToProto(const WindowRecord& window, v1::Window* proto);

}  // namespace sluice::sidecar
