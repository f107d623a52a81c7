#include "worker/config/ingest_config.h"

#include <filesystem>

#include "common/bad_value.h"

namespace sluice::config {

void DefineIngestOptions(OptionSet& o, IngestConfig& c) {
  o.Flag("ingest.enabled", &c.enabled,
         "Take labelled images by rank 0's service while training; they join at the next epoch");
  o.Flag("ingest.only", &c.only,
         "Train on these images alone, from one batch on; data.* gives classes and evaluation");
  o.Text("ingest.folder", &c.folder,
         "Folder of the stored images, which all ranks share; empty: ingest in run.folder");
  o.Integer("ingest.most_images", &c.most_images, 1, 100'000'000, "Most images that are stored");
  o.Integer("ingest.most_bytes", &c.most_bytes, 1, INT64_MAX, "Most bytes that are stored");
  o.Flag("ingest.log", &c.log,
         "Write the names of the images of each step to run.folder's ingested.rankN.jsonl");
  o.Text("ingest.replay", &c.replay,
         "An earlier run's epochs.jsonl to repeat over its ingest.folder; no image is taken then");
}

absl::Status ValidateIngestConfig(const IngestConfig& config) {
  if (config.enabled) return absl::OkStatus();
  const char* expected = "off, or ingest.enabled on";
  if (config.only) return BadValue("ingest.only", "on", expected);
  if (config.log) return BadValue("ingest.log", "on", expected);
  if (!config.replay.empty())
    return BadValue("ingest.replay", config.replay, "nothing, or ingest.enabled on");
  return absl::OkStatus();
}

std::string ResolveIngestFolder(const IngestConfig& config, const std::string& run_folder) {
  namespace fs = std::filesystem;
  const fs::path folder =
      config.folder.empty() ? fs::path(run_folder) / "ingest" : fs::path(config.folder);
  return fs::absolute(folder).lexically_normal().string();
}

}  // namespace sluice::config
