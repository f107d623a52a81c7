#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/options.h"
#include "worker/config/adapters_config.h"
#include "worker/config/compute_options.h"
#include "worker/config/footprint_config.h"
#include "worker/config/gate_config.h"
#include "worker/config/ingest_config.h"
#include "worker/config/legacy_config.h"
#include "worker/config/memory_options.h"
#include "worker/data/augment.h"
#include "worker/data/pipeline.h"
#include "worker/model/vit_config.h"

namespace sluice::config {

// Where images come from; the same for training and evaluation but for split and subset.
struct DataConfig {
  std::string format = "idx";
  std::string folder = "/usr/share/datasets/fashion-mnist";
  std::string train_split = "train";
  std::string train_subset = "all";
  std::string eval_split = "t10k";
  std::string eval_subset = "all";
  bool resize = false;
  std::string domain = "none";
  std::vector<double> mean = {0.5};
  std::vector<double> std = {0.5};
  int64_t threads = 1;
  int64_t prefetch = 4;
  data::AugmentOptions augment;
  int64_t augment_padding = 0;
};

struct ModelConfig {
  std::string preset = "vit_nano";
  int64_t image_size = 0;  // 0: the preset's; likewise below.
  int64_t patch = 0;
  int64_t dim = 0;
  int64_t depth = 0;
  int64_t heads = 0;
  std::string pool = "token";
  std::string init;  // Safetensors file or checkpoint to start from.
  bool replace_head = false;
};

struct OptimConfig {
  int64_t steps = 1000;
  int64_t batch = 64;
  int64_t accumulate = 1;
  double lr = 1e-3;
  double min_lr_ratio = 0.0;
  int64_t warmup_steps = 20;
  double weight_decay = 0.05;
  std::string optimizer = "adamw";
  double momentum = 0.9;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double clip = 1.0;
  double label_smoothing = 0.0;
  int64_t seed = 0;
  int64_t threads = 0;
  int64_t dormant_window = 100;
  std::string dormant_apply_to = "update";
};

// Everything that a training run is told, as read from flags, environment and file. A plain value;
// the definitions of the options (names, ranges, help) stand in train_config.cc and nowhere else.
struct TrainConfig {
  std::string run = "run";
  std::string run_folder = "sluice-run";
  DataConfig data;
  IngestConfig ingest;
  ModelConfig model;
  GateConfig gate;
  FootprintConfig footprint;
  AdaptersConfig adapters;
  LegacyConfig legacy;
  OptimConfig train;
  MemoryConfig memory;
  ComputeConfig compute;
  std::string eval_mode = "both";
  int64_t eval_every = 0;
  int64_t eval_batch = 256;
  std::string eval_domains;
  int64_t checkpoint_every = 0;
  int64_t checkpoint_keep = 3;
  int64_t checkpoint_keep_best = 0;
  bool checkpoint_asynchronous = true;
  bool resume = false;
  double collective_timeout = 60.0;
  std::string compression = "none";
  std::string device = "auto";
  int64_t nproc = 1;
  int64_t max_restarts = 0;
  double grace_seconds = 60.0;
  std::string sidecar = "spawn";
  double stall_seconds = 10.0;
  double poll_seconds = 0.5;
  int64_t map_every = 100;
  int64_t map_images = 4;
  std::string directives;
  std::string listen = "auto";
  bool paused = false;
  std::string json;
  std::string log_level = "info";
  double progress_seconds = 2.0;
  bool print_config = false;
  int64_t stop_after = 0;
};

// Defines every option of `config` in `options`.
void DefineTrainOptions(OptionSet& options, TrainConfig& config);

// Those of the model alone.
void DefineModelOptions(OptionSet& options, ModelConfig& config);

// OK if the values fit each other; INVALID_ARGUMENT that names key, value and what was expected.
// Ranges of single values are checked while they are read.
absl::Status ValidateTrainConfig(const TrainConfig& config);

// The model's shape for `classes` classes: the preset with overrides.
absl::StatusOr<model::VitConfig> ResolveModel(const ModelConfig& config, int64_t classes);

// What happens to images in training (augment = true) or evaluation.
absl::StatusOr<data::PipelineConfig> ResolvePipeline(const TrainConfig& config, bool augment);

// The names of eval.domains. INVALID_ARGUMENT that names one that is unknown.
absl::StatusOr<std::vector<data::Domain>> ResolveDomains(const TrainConfig& config);

// One line of JSON with what a resumed run must share with the run that wrote its checkpoint.
std::string Fingerprint(const TrainConfig& config);

}  // namespace sluice::config
