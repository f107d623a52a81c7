#pragma once

#include "sidecar/engine/view.h"
#include "sluice/v1/runs.pb.h"

namespace sluice::sidecar {

// The windows that a request for a run's history asks for, oldest first. Pure.
void HistoryToProto(const RunView& run, const v1::GetHistoryRequest& request,
                    v1::GetHistoryResponse* response);

}  // namespace sluice::sidecar
