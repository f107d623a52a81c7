#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "common/options.h"

namespace sluice::config {

// The live visual stream: labelled images that clients send to rank 0 while the run trains.
struct IngestConfig {
  bool enabled = false;
  bool only = false;   // Nothing of data.folder is trained on; its classes and its evaluation stay.
  std::string folder;  // Of the spool; empty: ResolveIngestFolder.
  int64_t most_images = 1'000'000;
  int64_t most_bytes = int64_t{4} << 30;
  bool log = false;
  std::string replay;  // Epochs of an earlier run, to be repeated instead of taking images.
};

void DefineIngestOptions(OptionSet& options, IngestConfig& config);

// INVALID_ARGUMENT that names the key if an option asks for what ingest.enabled would give.
absl::Status ValidateIngestConfig(const IngestConfig& config);

// Where the spool lies: ingest.folder, or the folder `ingest` in the run's; absolute.
std::string ResolveIngestFolder(const IngestConfig& config, const std::string& run_folder);

}  // namespace sluice::config
