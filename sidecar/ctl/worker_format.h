#pragma once

#include <string>

#include "sluice/v1/worker.pb.h"

namespace sluice::ctl {

// "too_large" of INGEST_STATUS_TOO_LARGE.
std::string IngestStatusName(v1::IngestStatus status);

// What people read of a rank's answers, with the last line's end.
std::string WorkerText(const v1::GetStatusResponse& status);
std::string WorkerText(const v1::PauseResponse& response);
std::string WorkerText(const v1::ResumeResponse& response);
std::string WorkerText(const v1::SaveCheckpointResponse& response);
std::string WorkerText(const v1::DrainResponse& response);

}  // namespace sluice::ctl
