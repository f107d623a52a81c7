#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace sluice::study {

// What `sluice-worker demo` is told.
struct DemoConfig {
  std::string output = "build/demo";
  std::string domain = "invert";
  std::string data_folder = "/usr/share/datasets/fashion-mnist";
  int64_t seeds = 1;
  int64_t nproc = 2;
  double seconds = 30.0;  // Training seconds of every run of the comparison.
  double rate = 0.15;
  int64_t images = 4000;       // Of the new domain, to train on.
  int64_t eval_images = 2000;  // Of the new domain, to test on.
  int64_t pretrain_steps = 200;
  double lr = 2e-3;
  int64_t batch = 64;
  // Weights to start from instead of pretraining, with the preset and the pixels per side they
  // want.
  std::string init;
  std::string preset = "vit_small_patch14_dinov2";
  int64_t image_size = 112;
  bool keep = false;   // Leave the sidecar up until interrupted.
  bool fresh = false;  // Train the pretrained model anew although there is one.
};

// Trains a small vision transformer on Fashion-MNIST (or takes `init`), then post-trains it on a
// shifted domain from the same checkpoint, densely and gated, at equal measured seconds; prints a
// table and writes report.json and accuracy.svg to the output folder. All runs stream to one
// sidecar.
absl::Status RunDemo(const DemoConfig& config);

}  // namespace sluice::study
