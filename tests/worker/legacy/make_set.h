#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "worker/legacy/legacy_set.h"

namespace sluice::legacy::testing {

// `images` images of 2 x 2 x 3 in three classes, of which no two values are alike: ids count from
// `first_id`, labels go round, and no number is its neighbour's.
inline LegacySet MakeSet(int64_t images = 6, const std::string& name = "first",
                         uint64_t first_id = 100) {
  LegacySet set;
  set.name = name;
  set.class_names = {"cat", "dog", "eel"};
  set.shape = {2, 2, 3};
  for (int64_t i = 0; i < images; ++i) {
    for (int64_t p = 0; p < set.shape.size(); ++p)
      set.pixels.push_back(static_cast<uint8_t>((37 * i + 19 * p + first_id) % 256));
    set.labels.push_back(i % 3);
    set.ids.push_back(first_id + static_cast<uint64_t>(i));
    for (int64_t k = 0; k < 3; ++k)
      set.logits.push_back(0.1f * static_cast<float>(first_id + i) - 0.7f * static_cast<float>(k));
    set.losses.push_back(0.5f + 0.1f * static_cast<float>(i));
  }
  return set;
}

}  // namespace sluice::legacy::testing
