#include "kernels/rows.h"

#include <algorithm>
#include <cstring>

#include "common/status.h"

namespace sluice::kernels {

// memcpy and memset choose their vectors at run time; a loop of ours is not faster for rows of a
// few hundred bytes and more.
void RowCompact(const float* x, int64_t rows, int64_t columns, const int64_t* index, int64_t count,
                float* out) {
  const size_t bytes = static_cast<size_t>(columns) * sizeof(float);
  for (int64_t i = 0; i < count; ++i, out += columns) {
    SLUICE_CHECK(index[i] >= 0 && index[i] < rows);
    if (bytes > 0) std::memcpy(out, x + index[i] * columns, bytes);
  }
}

void RowInverse(const int64_t* index, int64_t count, int64_t rows, int64_t* inverse) {
  std::fill(inverse, inverse + rows, -1);
  for (int64_t i = 0; i < count; ++i) {
    SLUICE_CHECK(index[i] >= 0 && index[i] < rows && inverse[index[i]] == -1);
    inverse[index[i]] = i;
  }
}

void RowScatter(const float* grad, int64_t count, int64_t columns, const int64_t* inverse,
                int64_t first, int64_t last, float* out) {
  const size_t bytes = static_cast<size_t>(columns) * sizeof(float);
  if (bytes == 0) return;
  for (int64_t r = first; r < last; ++r) {
    SLUICE_CHECK(inverse[r] >= -1 && inverse[r] < count);
    if (inverse[r] == -1) {
      std::memset(out + r * columns, 0, bytes);
    } else {
      std::memcpy(out + r * columns, grad + inverse[r] * columns, bytes);
    }
  }
}

void RowCompactReference(const float* x, int64_t columns, const int64_t* index, int64_t count,
                         float* out) {
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t c = 0; c < columns; ++c) out[i * columns + c] = x[index[i] * columns + c];
  }
}

void RowScatterReference(const float* grad, const int64_t* index, int64_t count, int64_t rows,
                         int64_t columns, float* out) {
  for (int64_t i = 0; i < rows * columns; ++i) out[i] = 0.0f;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t c = 0; c < columns; ++c) out[index[i] * columns + c] = grad[i * columns + c];
  }
}

}  // namespace sluice::kernels
