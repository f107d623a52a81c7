#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "sidecar/engine/records.h"
#include "sidecar/engine/replay.h"

namespace sluice::sidecar {

// JSON bodies of rows, exact for every finite double. Members that a row lacks keep their default,
// so that an older row still reads. Reading returns DATA_LOSS for what is not such a body.
std::string RunToJson(const RunRecord& run);
absl::StatusOr<RunRecord> RunFromJson(const std::string& text);

std::string WindowToJson(const WindowRecord& window);
absl::StatusOr<WindowRecord> WindowFromJson(const std::string& text);

// What a journal entry led to: its decisions and its directive.
std::string OutcomeToJson(const JournalRecord& entry);
absl::Status OutcomeFromJson(const std::string& text, JournalRecord& entry);

// What went into it.
std::string InputToJson(const JournalInput& input);
absl::StatusOr<JournalInput> InputFromJson(const std::string& text);

}  // namespace sluice::sidecar
