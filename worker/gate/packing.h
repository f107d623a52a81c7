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

// The open rows of a batch as one ragged matrix. Images are ordered by their number of open rows,
// and each image's rows are its class token, then its open patches in order. An image without an
// open patch is left out.
struct PackedRows {
  int64_t tokens_per_image = 0;   // Of the whole batch, class token included.
  std::vector<int64_t> images;    // Batch position of each packed image.
  std::vector<int64_t> rows;      // Row of the whole batch [B * tokens_per_image] of each row.
  std::vector<int64_t> token;     // Token index of each packed row: 0 is the class token.
  std::vector<int64_t> cls_rows;  // Packed row of each packed image's class token.
  std::vector<PackedGroup> groups;

  int64_t size() const { return static_cast<int64_t>(rows.size()); }
};

// Packs a mask [images * patches] of open patch tokens. Images with equally many open rows stand in
// the order of `order` (batch positions, each once; empty: their own order). A pure function.
PackedRows Pack(std::span<const uint8_t> open, int64_t images, int64_t patches,
                std::span<const int64_t> order = {});

// The packing in which everything is open: row r is row r of the batch.
PackedRows PackAll(int64_t images, int64_t patches);

// The closed patches of the images that `open` holds, in the order of those images; without class
// tokens. Its groups are cut as those of `open`; one may have no rows.
PackedRows PackClosed(const PackedRows& open);

// Packed images that stand next to each other and have equally many rows in both of two packings.
struct NestedGroup {
  int64_t images = 0;
  int64_t rows_per_image = 0;  // In the inner packing.
  int64_t keys_per_image = 0;  // In the outer one.
};

// How the rows of a packing lie in another one that holds them all.
struct NestedRows {
  std::vector<int64_t> rows;   // Outer row of each inner row.
  std::vector<int64_t> keys;   // All outer rows of the inner packing's images, in its order.
  std::vector<int64_t> slots;  // Position in `keys` of each inner row.
  std::vector<NestedGroup> groups;
  bool keys_are_all = false;  // `keys` is 0, 1, … up to the outer packing's last row.
};

NestedRows Nest(const PackedRows& inner, const PackedRows& outer);

}  // namespace sluice::gate
