#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/options.h"
#include "worker/model/gemm.h"

namespace sluice::config {

// By what a process computes, as read from flags, environment and file.
struct ComputeConfig {
  std::string gemm = "auto";
};

void DefineComputeOptions(OptionSet& options, ComputeConfig& config);

// INVALID_ARGUMENT if this processor cannot.
absl::Status ValidateComputeConfig(const ComputeConfig& config);

// The configuration must be valid on this processor.
model::Gemm ResolveGemm(const ComputeConfig& config);

}  // namespace sluice::config
