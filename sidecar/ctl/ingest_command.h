#pragma once

#include "absl/status/status.h"
#include "sidecar/ctl/arguments.h"
#include "sidecar/ctl/output.h"

namespace sluice::ctl {

// `worker ingest`: sends the images that `arguments` name. With --json each answer is a line;
// otherwise each refusal is one, and the counts come at the end. Where standard error is a terminal
// it shows how far the sending is. FAILED_PRECONDITION if an image was refused.
absl::Status RunIngest(const Arguments& arguments, Output& output);

}  // namespace sluice::ctl
