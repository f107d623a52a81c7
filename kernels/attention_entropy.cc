#include "kernels/attention_entropy.h"

#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/status.h"

// Highway compiles what stands between the markers once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention_entropy.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::kernels::HWY_NAMESPACE {

using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;

// Keys whose products are kept at a time.
inline constexpr int64_t kStrip = 64;
// Stands for no score yet: less than any that is finite.
inline constexpr float kNoScore = std::numeric_limits<float>::lowest();
// At least twice the lanes of any vector.
inline constexpr int64_t kMostQueries = 128;

// Of one call, aligned: queries [head_dim, 2 lanes], products [kStrip, 2 lanes], results [2 lanes].
struct Scratch {
  float* queries;
  float* products;
  float* results;
};

HWY_INLINE int64_t LaneCount() { return static_cast<int64_t>(hn::Lanes(Tag())); }

// Running sums of a vector of queries: with x a score less the largest so far, z = sum of e^x and
// s = sum of x e^x.
struct RunningRow {
  Vector most, z, s;
};

// Two vectors of queries, scaled and with queries in lanes; those past `count` repeat the last.
HWY_INLINE void TakeQueries(const AttentionShape& shape, const float* q, int64_t count,
                            float* queries) {
  const Tag d;
  const hn::RebindToSigned<Tag> di;
  const int64_t lanes = LaneCount();
  const Vector scale = hn::Set(d, 1.0f / std::sqrt(static_cast<float>(shape.head_dim)));
  const auto rows = [&](int64_t first) {
    const auto lane = hn::Iota(di, static_cast<int32_t>(first));
    const auto row = hn::Min(lane, hn::Set(di, static_cast<int32_t>(count - 1)));
    return hn::Mul(row, hn::Set(di, static_cast<int32_t>(shape.row_stride)));
  };
  const auto low = rows(0), high = rows(lanes);
  for (int64_t c = 0; c < shape.head_dim; ++c, queries += 2 * lanes) {
    hn::Store(hn::Mul(hn::GatherIndex(d, q + c, low), scale), d, queries);
    hn::Store(hn::Mul(hn::GatherIndex(d, q + c, high), scale), d, queries + lanes);
  }
}

// Products of two vectors of queries with four keys: eight sums at once, so that none waits.
HWY_INLINE void FourKeys(const AttentionShape& shape, const float* queries, const float* k,
                         float* products) {
  const Tag d;
  const int64_t lanes = LaneCount(), stride = shape.row_stride;
  Vector a0 = hn::Zero(d), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  for (int64_t c = 0; c < shape.head_dim; ++c, ++k, queries += 2 * lanes) {
    const Vector a = hn::Load(d, queries), b = hn::Load(d, queries + lanes);
    const Vector k0 = hn::Set(d, k[0]), k1 = hn::Set(d, k[stride]);
    a0 = hn::MulAdd(a, k0, a0);
    b0 = hn::MulAdd(b, k0, b0);
    a1 = hn::MulAdd(a, k1, a1);
    b1 = hn::MulAdd(b, k1, b1);
    const Vector k2 = hn::Set(d, k[2 * stride]), k3 = hn::Set(d, k[3 * stride]);
    a2 = hn::MulAdd(a, k2, a2);
    b2 = hn::MulAdd(b, k2, b2);
    a3 = hn::MulAdd(a, k3, a3);
    b3 = hn::MulAdd(b, k3, b3);
  }
  const auto store = [&](int64_t row, Vector low, Vector high) {
    hn::Store(low, d, products + row * 2 * lanes);
    hn::Store(high, d, products + row * 2 * lanes + lanes);
  };
  store(0, a0, b0);
  store(1, a1, b1);
  store(2, a2, b2);
  store(3, a3, b3);
}

HWY_INLINE void OneKey(const AttentionShape& shape, const float* queries, const float* k,
                       float* products) {
  const Tag d;
  const int64_t lanes = LaneCount();
  Vector a = hn::Zero(d), b = a;
  for (int64_t c = 0; c < shape.head_dim; ++c, queries += 2 * lanes) {
    const Vector key = hn::Set(d, k[c]);
    a = hn::MulAdd(hn::Load(d, queries), key, a);
    b = hn::MulAdd(hn::Load(d, queries + lanes), key, b);
  }
  hn::Store(a, d, products);
  hn::Store(b, d, products + lanes);
}

// Takes a strip's products into the running sums, which move to the new largest score.
HWY_INLINE void Fold(const float* products, int64_t keys, RunningRow& row) {
  const Tag d;
  const int64_t step = 2 * LaneCount();
  Vector most = row.most;
  for (int64_t j = 0; j < keys; ++j) most = hn::Max(hn::Load(d, products + j * step), most);
  const Vector move = ClampExponent(d, hn::Sub(row.most, most)), factor = ShortExp(d, move);
  row.s = hn::Mul(hn::MulAdd(move, row.z, row.s), factor);
  row.z = hn::Mul(row.z, factor);
  for (int64_t j = 0; j < keys; ++j) {
    const Vector x = ClampExponent(d, hn::Sub(hn::Load(d, products + j * step), most));
    const Vector e = ShortExp(d, x);
    row.z = hn::Add(row.z, e);
    row.s = hn::MulAdd(e, x, row.s);
  }
  row.most = most;
}

HWY_INLINE void StoreEntropy(const RunningRow& row, int64_t keys, float* result) {
  const Tag d;
  const float most = keys > 1 ? std::log(static_cast<float>(keys)) : 1.0f;
  // Log does not hand NaN on on every processor; the quotient does.
  const Vector entropy = hn::Sub(hn::Log(d, row.z), hn::Div(row.s, row.z));
  const Vector normalised = ClampToUnit(d, hn::Div(entropy, hn::Set(d, most)));
  hn::Store(hn::IfThenElse(hn::Eq(row.most, hn::Set(d, kNoScore)), hn::NaN(d), normalised), d,
            result);
}

// Two vectors of queries of one head, from `q` on, against all keys.
HWY_INLINE void ScoreQueries(const AttentionShape& shape, const float* q, int64_t count,
                             const float* k, const Scratch& scratch) {
  const Tag d;
  const int64_t lanes = LaneCount();
  TakeQueries(shape, q, count, scratch.queries);
  RunningRow low{hn::Set(d, kNoScore), hn::Zero(d), hn::Zero(d)}, high = low;
  for (int64_t first = 0; first < shape.tokens; first += kStrip) {
    const int64_t keys = std::min(kStrip, shape.tokens - first);
    const float* strip = k + first * shape.row_stride;
    int64_t j = 0;
    for (; j + 4 <= keys; j += 4)
      FourKeys(shape, scratch.queries, strip + j * shape.row_stride,
               scratch.products + j * 2 * lanes);
    for (; j < keys; ++j)
      OneKey(shape, scratch.queries, strip + j * shape.row_stride,
             scratch.products + j * 2 * lanes);
    Fold(scratch.products, keys, low);
    if (count > lanes) Fold(scratch.products + lanes, keys, high);
  }
  StoreEntropy(low, shape.tokens, scratch.results);
  StoreEntropy(high, shape.tokens, scratch.results + lanes);
}

// One head of one image: its queries' entropies.
void ScoreHead(const AttentionShape& shape, const float* q, const float* k, float* floats,
               float* entropy) {
  float* products = floats + shape.head_dim * kMostQueries;
  const Scratch scratch{floats, products, products + kStrip * kMostQueries};
  for (int64_t t = shape.first_query; t < shape.tokens; t += 2 * LaneCount()) {
    const int64_t count = std::min(2 * LaneCount(), shape.tokens - t);
    ScoreQueries(shape, q + t * shape.row_stride, count, k, scratch);
    std::copy_n(scratch.results, count, entropy + t - shape.first_query);
  }
}

}  // namespace sluice::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice::kernels {

HWY_EXPORT(ScoreHead);

void AttentionEntropy(const AttentionShape& shape, const float* q, const float* k, float* entropy) {
  SLUICE_CHECK(shape.tokens >= 1 && shape.head_dim >= 1 && shape.first_query >= 0);
  using HWY_NAMESPACE::kMostQueries, HWY_NAMESPACE::kStrip;
  // Offsets within a vector of queries are 32 bits wide.
  SLUICE_CHECK(shape.row_stride <= std::numeric_limits<int32_t>::max() / kMostQueries);
  if (shape.queries() <= 0) return;
  const auto floats = hwy::AllocateAligned<float>(
      static_cast<size_t>((shape.head_dim + kStrip + 1) * kMostQueries));
  SLUICE_CHECK(floats != nullptr);
  for (int64_t i = 0; i < shape.images; ++i) {
    for (int64_t h = 0; h < shape.heads; ++h, entropy += shape.queries()) {
      const int64_t at = i * shape.image_stride + h * shape.head_dim;
      HWY_DYNAMIC_DISPATCH(ScoreHead)(shape, q + at, k + at, floats.get(), entropy);
    }
  }
}

}  // namespace sluice::kernels
#endif  // HWY_ONCE
