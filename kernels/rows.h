#pragma once

#include <cstdint>

namespace sluice::kernels {

// Rows that stay open are moved together before the deep blocks and put back after them. `x` has
// `rows` rows of `columns` contiguous float32 values; `index` [count] names rows of it, each at
// most once. An index out of range is a broken invariant and ends the program. All are thread-safe
// on disjoint output; callers split rows. Inputs and outputs do not overlap.

// out[i] = x[index[i]], out [count, columns].
void RowCompact(const float* x, int64_t rows, int64_t columns, const int64_t* index, int64_t count,
                float* out);

// inverse[r] = i where index[i] = r, and -1 for rows that `index` does not name; inverse [rows]. A
// row that is named twice is a broken invariant too.
void RowInverse(const int64_t* index, int64_t count, int64_t rows, int64_t* inverse);

// The gradient of RowCompact: rows first..last - 1 of `out` [.., columns], each written once. Row r
// is grad[inverse[r]] of grad [count, columns], or zero where inverse[r] is -1.
void RowScatter(const float* grad, int64_t count, int64_t columns, const int64_t* inverse,
                int64_t first, int64_t last, float* out);

// Both by the definition, value by value: the references.
void RowCompactReference(const float* x, int64_t columns, const int64_t* index, int64_t count,
                         float* out);
void RowScatterReference(const float* grad, const int64_t* index, int64_t count, int64_t rows,
                         int64_t columns, float* out);

}  // namespace sluice::kernels
