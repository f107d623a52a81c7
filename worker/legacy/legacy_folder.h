#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/legacy/legacy_set.h"

namespace sluice::legacy {

enum class LegacyKind { kProbe, kBuffer };

// FOLDER/NAME.probe.safetensors or FOLDER/NAME.buffer.safetensors.
std::string LegacyPath(const std::string& folder, const std::string& name, LegacyKind kind);

// All sets of a kind, by name, fitted to a model's classes and images (FitTo). Empty if `folder` is
// empty text or holds none of this kind. NOT_FOUND without the folder; the error of the first set
// that cannot be read or does not fit.
absl::StatusOr<std::vector<LegacySet>> LoadLegacyFolder(const std::string& folder, LegacyKind kind,
                                                        const std::vector<std::string>& class_names,
                                                        const data::ImageShape& shape);

}  // namespace sluice::legacy
