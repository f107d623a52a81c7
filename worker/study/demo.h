#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "worker/study/comparison_config.h"

namespace sluice::study {

// What `sluice-worker demo` is told.
struct DemoConfig : ComparisonConfig {
  std::string domain;  // Empty: `invert`, or `none` with `init`: its images are new to that model.
  int64_t seeds = 1;
  bool keep = false;  // Leave the sidecar up until interrupted.
};

// Puts in what was left open.
void ResolveDemo(DemoConfig& config);

// Trains a small vision transformer on Fashion-MNIST (or takes `init`), then post-trains it on a
// shifted domain from the same checkpoint, densely and gated, at equal measured seconds; prints a
// table and writes report.json and accuracy.svg to the output folder. All runs stream to one
// sidecar.
absl::Status RunDemo(DemoConfig config);

}  // namespace sluice::study
