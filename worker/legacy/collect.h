#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/dataset.h"
#include "worker/data/domain.h"
#include "worker/legacy/legacy_set.h"

namespace sluice::legacy {

// All images of `dataset` shifted by `domain`, as 255ths, with labels and ids; logits are NaN and
// losses 0 until a model has been asked. The error of the first image that cannot be read.
absl::StatusOr<LegacySet> Collect(const data::Dataset& dataset, data::Domain domain,
                                  const std::string& name);

// The images at `positions`, which lie in [0, set.size()).
LegacySet Take(const LegacySet& set, const std::vector<int64_t>& positions);

}  // namespace sluice::legacy
