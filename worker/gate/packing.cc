#include "worker/gate/packing.h"

#include <algorithm>
#include <numeric>

#include "common/status.h"

namespace sluice::gate {
namespace {

std::vector<int64_t> CountOpen(std::span<const uint8_t> open, int64_t images, int64_t patches) {
  std::vector<int64_t> counts(images);
  for (int64_t i = 0; i < images; ++i) {
    const auto row = open.subspan(i * patches, patches);
    counts[i] = std::count_if(row.begin(), row.end(), [](uint8_t o) { return o != 0; });
  }
  return counts;
}

void AppendImage(PackedRows& packed, std::span<const uint8_t> row, int64_t image) {
  const int64_t position = static_cast<int64_t>(packed.images.size());
  const auto append = [&](int64_t token) {
    packed.rows.push_back(image * packed.tokens_per_image + token);
    packed.slots.push_back(position * packed.tokens_per_image + token);
    packed.token.push_back(token);
  };
  packed.images.push_back(image);
  packed.cls_rows.push_back(packed.size());
  append(0);
  for (size_t j = 0; j < row.size(); ++j) {
    if (row[j] != 0) append(static_cast<int64_t>(j) + 1);
  }
}

}  // namespace

PackedRows Pack(std::span<const uint8_t> open, int64_t images, int64_t patches) {
  SLUICE_CHECK(static_cast<int64_t>(open.size()) == images * patches);
  const std::vector<int64_t> counts = CountOpen(open, images, patches);
  std::vector<int64_t> order(images);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return counts[a] < counts[b]; });

  PackedRows packed;
  packed.tokens_per_image = patches + 1;
  for (const int64_t image : order) {
    if (counts[image] == 0) continue;
    const int64_t rows = counts[image] + 1;
    if (packed.groups.empty() || packed.groups.back().rows_per_image != rows) {
      packed.groups.push_back({static_cast<int64_t>(packed.images.size()), 0, packed.size(), rows});
    }
    ++packed.groups.back().images;
    AppendImage(packed, open.subspan(image * patches, patches), image);
  }
  return packed;
}

}  // namespace sluice::gate
