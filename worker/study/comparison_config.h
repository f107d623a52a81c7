#pragma once

#include <cstdint>
#include <string>

#include "worker/study/train_run.h"

namespace sluice::study {

// What demo and study are told about their runs. What is 0 here is chosen by ResolveRuns.
struct ComparisonConfig {
  std::string command = "demo";  // Names of runs begin with it.
  std::string output = "build/demo";
  std::string data_folder = "/usr/share/datasets/fashion-mnist";
  int64_t nproc = 2;
  double seconds = 0.0;        // Training seconds of a run.
  double rate = 0.0;           // Share of patch tokens that gates open.
  int64_t images = 4000;       // Of the new domain, to train on.
  int64_t eval_images = 2000;  // Of the new domain, to test on.
  int64_t pretrain_steps = 200;
  double lr = 0.0;
  int64_t batch = 0;
  // Weights to start from instead of pretraining, with the preset and the pixels per side they
  // want.
  std::string init;
  std::string preset = "vit_small_patch14_dinov2";
  int64_t image_size = 112;
  bool fresh = false;  // Train the pretrained model anew although there is one.
  // Most runs that are in memory at once and take turns.
  int64_t together = 0;
  // A comparison whose seconds miss is run again, so often in all.
  int64_t tries = 2;
};

// Puts in what was left open: a larger model, given by `init`, gets fewer images per step, gentler
// steps and more seconds.
void ResolveRuns(ComparisonConfig& config);

// Options of every run called `run`; `sidecar`: HOST:PORT.
TrainOptions CommonOptions(const ComparisonConfig& config, const std::string& run,
                           const std::string& sidecar);

}  // namespace sluice::study
