#pragma once

#include <string>

#include "sluice/v1/worker.pb.h"

namespace sluice::ctl {

// What people read of a rank's answers, with the last line's end.
std::string WorkerText(const v1::GetStatusResponse& status);
std::string WorkerText(const v1::PauseResponse& response);
std::string WorkerText(const v1::ResumeResponse& response);
std::string WorkerText(const v1::SaveCheckpointResponse& response);
std::string WorkerText(const v1::DrainResponse& response);

}  // namespace sluice::ctl
