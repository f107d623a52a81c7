#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::gate {

// Images that stand next to each other in the packed order and have equally many open rows: one
// call of attention.
struct PackedGroup {
  int64_t first_image = 0;  // Position in PackedRows::images.
  int64_t images = 0;
  int64_t first_row = 0;
  int64_t rows_per_image = 0;  // Class token included.
};

// The open rows of a batch as one ragged matrix. Images are ordered by their number of open rows
// (ties by position), and each image's rows are its class token, then its open patches in order. An
// image without an open patch is left out.
struct PackedRows {
  int64_t tokens_per_image =
      0;  // Class token included: the batch has images * tokens_per_image rows.
  std::vector<int64_t> images;  // Batch position of each packed image.
  std::vector<int64_t>
      rows;  // Row of the flattened batch [B * tokens_per_image] for each packed row.
  std::vector<int64_t> slots;     // As `rows`, in a batch whose images stand in packed order.
  std::vector<int64_t> token;     // Token index of each packed row: 0 is the class token.
  std::vector<int64_t> cls_rows;  // Packed row of each packed image's class token.
  std::vector<PackedGroup> groups;

  int64_t size() const { return static_cast<int64_t>(rows.size()); }
};

// Packs a mask [images * patches] of open patch tokens. A pure function.
PackedRows Pack(std::span<const uint8_t> open, int64_t images, int64_t patches);

}  // namespace sluice::gate
