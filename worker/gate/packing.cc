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

// Appends an image to the group at the end, or to a new one.
void AppendImage(PackedRows& packed, int64_t image, int64_t rows) {
  if (packed.groups.empty() || packed.groups.back().rows_per_image != rows) {
    packed.groups.push_back({static_cast<int64_t>(packed.images.size()), 0, packed.size(), rows});
  }
  ++packed.groups.back().images;
  packed.images.push_back(image);
}

void AppendRow(PackedRows& packed, int64_t image, int64_t token) {
  packed.rows.push_back(image * packed.tokens_per_image + token);
  packed.token.push_back(token);
}

// Outer packed row of each row of the batch, -1 if it is closed there.
std::vector<int64_t> RowsOfBatch(const PackedRows& packed, int64_t least_size) {
  std::vector<int64_t> result(least_size, -1);
  for (int64_t r = 0; r < packed.size(); ++r) {
    const int64_t row = packed.rows[r];
    if (row < least_size) result[row] = r;
  }
  return result;
}

}  // namespace

PackedRows Pack(std::span<const uint8_t> open, int64_t images, int64_t patches,
                std::span<const int64_t> order) {
  SLUICE_CHECK(static_cast<int64_t>(open.size()) == images * patches);
  const std::vector<int64_t> counts = CountOpen(open, images, patches);
  std::vector<int64_t> sorted(order.begin(), order.end());
  if (order.empty()) {
    sorted.resize(images);
    std::iota(sorted.begin(), sorted.end(), 0);
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](int64_t a, int64_t b) { return counts[a] < counts[b]; });

  PackedRows packed;
  packed.tokens_per_image = patches + 1;
  for (const int64_t image : sorted) {
    if (counts[image] == 0) continue;
    AppendImage(packed, image, counts[image] + 1);
    packed.cls_rows.push_back(packed.size());
    AppendRow(packed, image, 0);
    for (int64_t j = 0; j < patches; ++j) {
      if (open[image * patches + j] != 0) AppendRow(packed, image, j + 1);
    }
  }
  return packed;
}

PackedRows PackAll(int64_t images, int64_t patches) {
  return Pack(std::vector<uint8_t>(images * patches, 1), images, patches);
}

PackedRows PackClosed(const PackedRows& open) {
  PackedRows closed;
  closed.tokens_per_image = open.tokens_per_image;
  closed.images = open.images;
  for (const PackedGroup& group : open.groups) {
    closed.groups.push_back({group.first_image, group.images, closed.size(),
                             open.tokens_per_image - group.rows_per_image});
    for (int64_t i = 0; i < group.images; ++i) {
      const int64_t image = open.images[group.first_image + i];
      const auto begin = open.token.begin() + group.first_row + i * group.rows_per_image;
      const auto end = begin + group.rows_per_image;
      for (int64_t token = 1; token < open.tokens_per_image; ++token) {
        if (!std::binary_search(begin, end, token)) AppendRow(closed, image, token);
      }
    }
  }
  return closed;
}

NestedRows Nest(const PackedRows& inner, const PackedRows& outer) {
  SLUICE_CHECK(inner.tokens_per_image == outer.tokens_per_image);
  std::vector<int64_t> first_row, row_count;  // Of each image of the batch, in the outer packing.
  for (const PackedGroup& group : outer.groups) {
    for (int64_t i = 0; i < group.images; ++i) {
      const auto image = static_cast<size_t>(outer.images[group.first_image + i]);
      if (image >= first_row.size()) {
        first_row.resize(image + 1, -1);
        row_count.resize(image + 1, 0);
      }
      first_row[image] = group.first_row + i * group.rows_per_image;
      row_count[image] = group.rows_per_image;
    }
  }
  const std::vector<int64_t> outer_rows =
      RowsOfBatch(outer, static_cast<int64_t>(first_row.size()) * outer.tokens_per_image);

  NestedRows nested;
  for (const PackedGroup& group : inner.groups) {
    for (int64_t i = 0; i < group.images; ++i) {
      const int64_t image = inner.images[group.first_image + i];
      const int64_t keys = row_count.at(image), first = first_row.at(image);
      if (i == 0 || nested.groups.back().keys_per_image != keys)
        nested.groups.push_back({0, group.rows_per_image, keys});
      ++nested.groups.back().images;
      const auto base = static_cast<int64_t>(nested.keys.size());
      for (int64_t k = 0; k < keys; ++k) nested.keys.push_back(first + k);
      for (int64_t r = 0; r < group.rows_per_image; ++r) {
        const int64_t row =
            outer_rows.at(inner.rows[group.first_row + i * group.rows_per_image + r]);
        SLUICE_CHECK(row >= 0);
        nested.rows.push_back(row);
        nested.slots.push_back(base + row - first);
      }
    }
  }
  nested.keys_are_all = static_cast<int64_t>(nested.keys.size()) == outer.size() &&
                        std::is_sorted(nested.keys.begin(), nested.keys.end());
  return nested;
}

}  // namespace sluice::gate
