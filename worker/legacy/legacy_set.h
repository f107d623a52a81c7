#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/data/dataset.h"

namespace sluice::legacy {

// Images of an earlier domain, as a model saw them before normalisation, and what that model said
// of them when they were registered. N images, K classes. A plain value.
struct LegacySet {
  std::string name;  // Of the domain: 1 to 64 characters of [A-Za-z0-9._-].
  std::vector<std::string> class_names;
  data::ImageShape shape;
  std::vector<uint8_t> pixels;  // [N, C, H, W], in 255ths.
  std::vector<int64_t> labels;  // [N], in [0, K).
  std::vector<uint64_t> ids;    // [N], of the data set that they came from.
  std::vector<float> logits;    // [N, K]; NaN for a class that the model did not have.
  std::vector<float> losses;    // [N]: the cross-entropy of logits and label. The baseline.

  int64_t size() const { return static_cast<int64_t>(labels.size()); }
  double baseline_loss() const;      // Mean of losses.
  double baseline_accuracy() const;  // In [0, 1]; of the logits.
  // An image with values in [0, 1], its label and id; `index` in [0, size()).
  data::Sample Get(int64_t index) const;
};

// Whether a domain may be called that: 1 to 64 characters of [A-Za-z0-9._-].
bool IsLegacyName(const std::string& name);

// INVALID_ARGUMENT that names the field if a set is empty, its parts do not fit each other, a label
// is out of range, or a loss is not finite.
absl::Status ValidateLegacySet(const LegacySet& set);

// As a safetensors file, atomically. The set must be valid.
absl::Status SaveLegacySet(const std::string& path, const LegacySet& set);
// The system's error if the file cannot be read; INVALID_ARGUMENT with path and field if it is not
// a valid set.
absl::StatusOr<LegacySet> LoadLegacySet(const std::string& path);

// The set for a model of these classes and images: labels and logits are put in the model's order,
// by the classes' names. INVALID_ARGUMENT that names what differs if the model lacks a class of the
// set or takes images of another shape.
absl::StatusOr<LegacySet> FitTo(LegacySet set, const std::vector<std::string>& class_names,
                                const data::ImageShape& shape);

// A set as a data set. Immutable.
class LegacyImages : public data::Dataset {
 public:
  // `set` is valid.
  explicit LegacyImages(LegacySet set) : set_(std::move(set)) {}

  int64_t size() const override { return set_.size(); }
  data::ImageShape shape() const override { return set_.shape; }
  const std::vector<std::string>& class_names() const override { return set_.class_names; }
  absl::StatusOr<data::Sample> Get(int64_t index) const override;
  const LegacySet& set() const { return set_; }

 private:
  const LegacySet set_;
};

}  // namespace sluice::legacy
