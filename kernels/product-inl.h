// Products of small matrices in registers, compiled once per instruction set: included between
// Highway's markers of files that are, each of which includes it once per set.
#if defined(SLUICE_KERNELS_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SLUICE_KERNELS_PRODUCT_INL_H_
#undef SLUICE_KERNELS_PRODUCT_INL_H_
#else
#define SLUICE_KERNELS_PRODUCT_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <utility>

HWY_BEFORE_NAMESPACE();
namespace sluice::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Sums that are kept in registers: of 32 three quarters, of 16 (no AVX-512 on x86) as many.
inline constexpr int64_t kSums = HWY_ARCH_X86 && HWY_TARGET > HWY_AVX3 ? 12 : 24;

// What becomes of a product: C takes it, it is added to C, or C takes it with row i times scale[i].
enum class Into { kSet, kAdd, kScaled };

// A [rows, inner] times B [inner, columns] into C [rows, columns]. Element (i, j) of A stands at
// i * a_row + j * a_column; rows of B and C are contiguous.
struct Product {
  int64_t rows, inner, columns;
  const float* a;
  int64_t a_row, a_column;
  const float* b;
  int64_t b_row;
  float* c;
  int64_t c_row;
  const float* scale = nullptr;
};

// Rows that a tile has when it is `vectors` wide. With one vector alone more would not hide more.
constexpr int64_t MostRows(int64_t vectors) { return kSums / (vectors < 2 ? 2 : vectors); }

// A tile of kRows rows by sizeof...(v) vectors of C. Each sum takes its products in the order of
// `inner`, whatever the tile: a value does not depend on where its tile begins.
template <Into kInto, int64_t kRows, class D, size_t... v>
HWY_INLINE void RunTile(D d, const Product& p, std::index_sequence<v...>) {
  using V = hn::Vec<D>;
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(d));
  constexpr int64_t kVectors = sizeof...(v);
  V sums[kRows][kVectors];
#pragma GCC unroll 32
  for (int64_t r = 0; r < kRows; ++r)
    ((sums[r][v] =
          kInto == Into::kAdd ? hn::LoadU(d, p.c + r * p.c_row + v * kLanes) : hn::Zero(d)),
     ...);
  const float* a = p.a;
  const float* b = p.b;
  for (int64_t i = 0; i < p.inner; ++i, a += p.a_column, b += p.b_row) {
    const V row[kVectors] = {hn::LoadU(d, b + v * kLanes)...};
#pragma GCC unroll 32
    for (int64_t r = 0; r < kRows; ++r) {
      const V left = hn::Set(d, a[r * p.a_row]);
      ((sums[r][v] = hn::MulAdd(left, row[v], sums[r][v])), ...);
    }
  }
#pragma GCC unroll 32
  for (int64_t r = 0; r < kRows; ++r) {
    if constexpr (kInto == Into::kScaled) {
      const V scale = hn::Set(d, p.scale[r]);
      ((sums[r][v] = hn::Mul(sums[r][v], scale)), ...);
    }
    (hn::StoreU(sums[r][v], d, p.c + r * p.c_row + v * kLanes), ...);
  }
}

template <Into kInto, int64_t kVectors, int64_t kRows, class D>
HWY_INLINE void RunRows(D d, const Product& p, int64_t rows) {
  if (rows == kRows) {
    RunTile<kInto, kRows>(d, p, std::make_index_sequence<kVectors>());
  } else if constexpr (kRows > 1) {
    RunRows<kInto, kVectors, kRows - 1>(d, p, rows);
  }
}

// kVectors vectors of columns, in tiles of about equally many rows.
template <Into kInto, int64_t kVectors, class D>
HWY_NOINLINE void RunPanel(D d, Product p) {
  constexpr int64_t kMost = MostRows(kVectors);
  int64_t tiles = (p.rows + kMost - 1) / kMost;
  for (; tiles > 0; --tiles) {
    const int64_t rows = (p.rows + tiles - 1) / tiles;
    RunRows<kInto, kVectors, kMost>(d, p, rows);
    p.rows -= rows;
    p.a += rows * p.a_row;
    p.c += rows * p.c_row;
    if constexpr (kInto == Into::kScaled) p.scale += rows;
  }
}

// Of B and C whole vectors are read and written, past `columns` too, or at the end half of one.
template <Into kInto, class D>
HWY_INLINE void RunProduct(D d, Product p) {
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(d));
  const int64_t rest = p.columns % kLanes;
  // Half a vector costs half as much where the processor splits whole ones, and no more elsewhere.
  const bool half = kLanes >= 8 && rest > 0 && rest <= kLanes / 2;
  int64_t vectors = (p.columns + kLanes - 1) / kLanes - (half ? 1 : 0);
  const auto next = [&](int64_t count) {
    p.b += count * kLanes;
    p.c += count * kLanes;
    vectors -= count;
  };
  while (vectors >= 4) {
    RunPanel<kInto, 4>(d, p);
    next(4);
  }
  const int64_t left = vectors;
  if (left == 3) RunPanel<kInto, 3>(d, p);
  if (left == 2) RunPanel<kInto, 2>(d, p);
  if (left == 1) RunPanel<kInto, 1>(d, p);
  next(left);
  if constexpr (kLanes >= 8) {
    if (half) RunPanel<kInto, 1>(hn::Half<D>(), p);
  }
}

}  // namespace sluice::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SLUICE_KERNELS_PRODUCT_INL_H_
