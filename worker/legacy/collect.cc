#include "worker/legacy/collect.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/status.h"

namespace sluice::legacy {

absl::StatusOr<LegacySet> Collect(const data::Dataset& dataset, data::Domain domain,
                                  const std::string& name) {
  LegacySet set;
  set.name = name;
  set.class_names = dataset.class_names();
  set.shape = dataset.shape();
  for (int64_t i = 0; i < dataset.size(); ++i) {
    SLUICE_ASSIGN_OR_RETURN(const data::Sample sample, dataset.Get(i));
    const data::Image image = data::Apply(domain, sample.image, sample.id);
    set.shape = image.shape();
    for (const float pixel : image.pixels) {
      set.pixels.push_back(
          static_cast<uint8_t>(std::lround(255.0f * std::clamp(pixel, 0.0f, 1.0f))));
    }
    set.labels.push_back(sample.label);
    set.ids.push_back(sample.id);
  }
  set.logits.assign(set.labels.size() * set.class_names.size(),
                    std::numeric_limits<float>::quiet_NaN());
  set.losses.assign(set.labels.size(), 0.0f);
  return set;
}

LegacySet Take(const LegacySet& set, const std::vector<int64_t>& positions) {
  LegacySet part;
  part.name = set.name;
  part.class_names = set.class_names;
  part.shape = set.shape;
  const auto classes = static_cast<int64_t>(set.class_names.size());
  const auto append = [](auto& to, const auto& from, int64_t index, int64_t width) {
    to.insert(to.end(), from.begin() + index * width, from.begin() + (index + 1) * width);
  };
  for (const int64_t position : positions) {
    append(part.pixels, set.pixels, position, set.shape.size());
    append(part.labels, set.labels, position, 1);
    append(part.ids, set.ids, position, 1);
    append(part.logits, set.logits, position, classes);
    append(part.losses, set.losses, position, 1);
  }
  return part;
}

}  // namespace sluice::legacy
