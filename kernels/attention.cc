#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/status.h"

// Highway compiles what stands between the markers once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/exp-inl.h"
#include "kernels/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::kernels::HWY_NAMESPACE {

using Tag = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Tag>;

// Queries at a time: their scores stay in the caches nearest to the processor.
inline constexpr int64_t kMostQueries = 64;
// What rows of scratch are a multiple of: the lanes of the widest vector.
inline constexpr int64_t kWidest = 16;

constexpr int64_t RoundUp(int64_t count) { return (count + kWidest - 1) / kWidest * kWidest; }

HWY_INLINE int64_t LaneCount() { return static_cast<int64_t>(hn::Lanes(Tag())); }

// rows [count, width] -> to [width, wide], wide = RoundUp(count); what is past `count` repeats the
// last row.
#if HWY_TARGET == HWY_SCALAR
HWY_INLINE void Transpose(const float* rows, int64_t stride, int64_t count, int64_t width,
                          float* to) {
  const int64_t wide = RoundUp(count);
  for (int64_t c = 0; c < width; ++c) {
    for (int64_t r = 0; r < wide; ++r) to[c * wide + r] = rows[std::min(r, count - 1) * stride + c];
  }
}
#else
// Four elements of each of lanes / 4 rows: lanes 4 i to 4 i + 3 are those of row first + 4 i, or of
// the last one.
template <class D>
HWY_INLINE hn::Vec<D> LoadFours(D d, const float* from, int64_t stride, int64_t first,
                                int64_t last) {
  if constexpr (hn::MaxLanes(D()) == 4) {
    return hn::LoadU(d, from + std::min(first, last) * stride);
  } else {
    constexpr auto kHalf = static_cast<int64_t>(hn::MaxLanes(D()) / 2);
    const hn::Half<D> half;
    return hn::Combine(d, LoadFours(half, from, stride, first + kHalf, last),
                       LoadFours(half, from, stride, first, last));
  }
}

HWY_INLINE void Transpose(const float* rows, int64_t stride, int64_t count, int64_t width,
                          float* to) {
  const Tag d;
  const hn::RebindToUnsigned<hn::Repartition<double, Tag>> pairs;
  const int64_t wide = RoundUp(count);
  const auto low = [&](auto a, auto b) {
    return hn::BitCast(d, hn::InterleaveLower(pairs, hn::BitCast(pairs, a), hn::BitCast(pairs, b)));
  };
  const auto high = [&](auto a, auto b) {
    return hn::BitCast(d, hn::InterleaveUpper(pairs, hn::BitCast(pairs, a), hn::BitCast(pairs, b)));
  };
  for (int64_t r = 0; r < wide; r += LaneCount()) {
    for (int64_t c = 0; c < width; c += 4) {
      const auto load = [&](int64_t i) { return LoadFours(d, rows + c, stride, r + i, count - 1); };
      const Vector v0 = load(0), v1 = load(1), v2 = load(2), v3 = load(3);
      const Vector a = hn::InterleaveLower(d, v0, v1), b = hn::InterleaveLower(d, v2, v3);
      const Vector e = hn::InterleaveUpper(d, v0, v1), f = hn::InterleaveUpper(d, v2, v3);
      float* const at = to + c * wide + r;
      hn::Store(low(a, b), d, at);
      hn::Store(high(a, b), d, at + wide);
      hn::Store(low(e, f), d, at + 2 * wide);
      hn::Store(high(e, f), d, at + 3 * wide);
    }
  }
}
#endif

// scores [rows, wide] of products -> e^(scale * (score - most of the row)), not divided by its sum;
// `most` [rows] and the sums [rows]. What stands past the keys is not looked at.
HWY_INLINE void Exponentials(int64_t rows, int64_t keys, float scale, float* scores, float* most,
                             float* sums) {
  const Tag d;
  const int64_t lanes = LaneCount(), wide = RoundUp(keys);
  const int64_t whole = (keys - 1) / lanes * lanes;  // The last vector is apart.
  const auto inside = hn::FirstN(d, static_cast<size_t>(keys - whole));
  const Vector factor = hn::Set(d, scale);
  const Vector nothing = hn::Set(d, -std::numeric_limits<float>::infinity());
  for (int64_t r = 0; r < rows; ++r, scores += wide) {
    Vector top = hn::IfThenElse(inside, hn::Load(d, scores + whole), nothing);
    for (int64_t c = 0; c < whole; c += lanes) top = hn::Max(top, hn::Load(d, scores + c));
    top = hn::MaxOfLanes(d, top);
    const Vector offset = hn::Mul(top, factor);
    const auto exponential = [&](int64_t c) {
      const Vector x = hn::MulSub(hn::Load(d, scores + c), factor, offset);
      return ShortExp(d, ClampExponent(d, x));
    };
    const Vector last = exponential(whole);
    Vector sum = hn::IfThenElseZero(inside, last);
    hn::Store(last, d, scores + whole);
    for (int64_t c = 0; c < whole; c += lanes) {
      const Vector e = exponential(c);
      sum = hn::Add(sum, e);
      hn::Store(e, d, scores + c);
    }
    most[r] = hn::GetLane(offset);
    sums[r] = hn::GetLane(hn::SumOfLanes(d, sum));
  }
}

// logsumexp = most + log sums, in `most`; sums become their inverses. Both have whole vectors.
HWY_INLINE void LogAndInvert(int64_t rows, float* most, float* sums) {
  const Tag d;
  for (int64_t r = 0; r < rows; r += LaneCount()) {
    const Vector sum = hn::Load(d, sums + r);
    const Vector sum_log = hn::Add(hn::Load(d, most + r), hn::Log(d, sum));
    hn::Store(hn::IfThenElse(hn::IsNaN(sum), sum, sum_log), d, most + r);
    hn::Store(hn::Div(hn::Set(d, 1.0f), sum), d, sums + r);
  }
}

// products of q k' [rows, wide] -> probabilities, and of dO v' -> those of the scores times scale.
HWY_INLINE void ScoreGradients(int64_t rows, int64_t wide, float scale, const float* logsumexp,
                               const float* means, float* scores, float* gradients) {
  const Tag d;
  const Vector factor = hn::Set(d, scale);
  // Kept activations that were rounded may make a score larger than its sum.
  const Vector largest = hn::Set(d, 87.0f);
  for (int64_t r = 0; r < rows; ++r) {
    const Vector sum_log = hn::Set(d, logsumexp[r]), mean = hn::Set(d, means[r]);
    for (int64_t c = 0; c < wide;
         c += LaneCount(), scores += LaneCount(), gradients += LaneCount()) {
      const Vector x = hn::MulSub(hn::Load(d, scores), factor, sum_log);
      const Vector bounded = hn::IfThenElse(hn::Gt(x, largest), largest, ClampExponent(d, x));
      const Vector p = ShortExp(d, bounded);
      const Vector g = hn::Sub(hn::Load(d, gradients), mean);
      hn::Store(p, d, scores);
      hn::Store(hn::Mul(hn::Mul(p, factor), g), d, gradients);
    }
  }
}

HWY_INLINE float Dot(int64_t count, const float* a, const float* b) {
  const Tag d;
  Vector sum = hn::Mul(hn::LoadU(d, a), hn::LoadU(d, b));
  for (int64_t c = LaneCount(); c < count; c += LaneCount())
    sum = hn::MulAdd(hn::LoadU(d, a + c), hn::LoadU(d, b + c), sum);
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// Calls with parts of 0..queries - 1 of about equal size: work(first, count).
template <class Work>
HWY_INLINE void ForQueries(int64_t queries, const Work& work) {
  int64_t parts = (queries + kMostQueries - 1) / kMostQueries;
  for (int64_t first = 0; parts > 0; --parts) {
    const int64_t count = (queries - first + parts - 1) / parts;
    work(first, count);
    first += count;
  }
}

void Forward(const AttentionHead<float>& head, const AttentionResult<float>& result,
             AttentionScratch& scratch) {
  const Tag d;
  const int64_t width = head.head_dim, wide = RoundUp(head.keys);
  const float scale = 1.0f / std::sqrt(static_cast<float>(width));
  float* const keys = scratch.Get((width + kMostQueries) * wide + 2 * kMostQueries);
  float* const scores = keys + width * wide;
  float* const most = scores + kMostQueries * wide;
  float* const sums = most + kMostQueries;
  Transpose(head.k, head.kv_stride, head.keys, width, keys);
  ForQueries(head.queries, [&](int64_t first, int64_t count) {
    const float* const q = head.q + first * head.q_stride;
    RunProduct<Into::kSet>(
        d, {count, width, head.keys, q, head.q_stride, 1, keys, wide, scores, wide});
    std::fill(sums + count, sums + RoundUp(count), 1.0f);
    std::fill(most + count, most + RoundUp(count), 0.0f);
    Exponentials(count, head.keys, scale, scores, most, sums);
    LogAndInvert(count, most, sums);
    std::copy_n(most, count, result.logsumexp + first);
    RunProduct<Into::kScaled>(d, {count, head.keys, width, scores, wide, 1, head.v, head.kv_stride,
                                  result.out + first * result.out_stride, result.out_stride, sums});
  });
}

template <Into kInto>
HWY_INLINE void KeyGradients(const AttentionHead<float>& head,
                             const AttentionGradient<float>& gradient, int64_t first, int64_t count,
                             const float* probabilities, const float* score_gradients) {
  const Tag d;
  const int64_t width = head.head_dim, wide = RoundUp(head.keys);
  RunProduct<kInto>(
      d, {head.keys, count, width, score_gradients, 1, wide, head.q + first * head.q_stride,
          head.q_stride, gradient.k, gradient.kv_stride});
  RunProduct<kInto>(d, {head.keys, count, width, probabilities, 1, wide,
                        gradient.out + first * gradient.out_stride, gradient.out_stride, gradient.v,
                        gradient.kv_stride});
}

void Backward(const AttentionHead<float>& head, const AttentionResult<const float>& result,
              const AttentionGradient<float>& gradient, AttentionScratch& scratch) {
  const Tag d;
  const int64_t width = head.head_dim, wide = RoundUp(head.keys);
  const float scale = 1.0f / std::sqrt(static_cast<float>(width));
  float* const keys = scratch.Get(2 * (width + kMostQueries) * wide + kMostQueries);
  float* const values = keys + width * wide;
  float* const scores = values + width * wide;
  float* const gradients = scores + kMostQueries * wide;
  float* const means = gradients + kMostQueries * wide;
  Transpose(head.k, head.kv_stride, head.keys, width, keys);
  Transpose(head.v, head.kv_stride, head.keys, width, values);
  ForQueries(head.queries, [&](int64_t first, int64_t count) {
    const float* const q = head.q + first * head.q_stride;
    const float* const out = result.out + first * result.out_stride;
    const float* const out_gradient = gradient.out + first * gradient.out_stride;
    RunProduct<Into::kSet>(
        d, {count, width, head.keys, q, head.q_stride, 1, keys, wide, scores, wide});
    RunProduct<Into::kSet>(d, {count, width, head.keys, out_gradient, gradient.out_stride, 1,
                               values, wide, gradients, wide});
    for (int64_t r = 0; r < count; ++r)
      means[r] = Dot(width, out_gradient + r * gradient.out_stride, out + r * result.out_stride);
    ScoreGradients(count, wide, scale, result.logsumexp + first, means, scores, gradients);
    RunProduct<Into::kSet>(d, {count, head.keys, width, gradients, wide, 1, head.k, head.kv_stride,
                               gradient.q + first * gradient.q_stride, gradient.q_stride});
    if (first == 0) {
      KeyGradients<Into::kSet>(head, gradient, first, count, scores, gradients);
    } else {
      KeyGradients<Into::kAdd>(head, gradient, first, count, scores, gradients);
    }
  });
}

}  // namespace sluice::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice::kernels {

HWY_EXPORT(Forward);
HWY_EXPORT(Backward);

float* AttentionScratch::Get(int64_t count) {
  constexpr size_t kAlignment = 64;
  const auto needed = static_cast<size_t>(count) + kAlignment / sizeof(float);
  if (memory_.size() < needed) memory_ = std::vector<float>(needed);
  const auto address = reinterpret_cast<uintptr_t>(memory_.data());
  return memory_.data() + (kAlignment - address % kAlignment) % kAlignment / sizeof(float);
}

void AttentionForward(const AttentionHead<float>& head, const AttentionResult<float>& result,
                      AttentionScratch& scratch) {
  SLUICE_CHECK(HasAttention(head.head_dim, head.keys));
  if (head.queries == 0) return;
  SLUICE_CHECK(head.keys > 0);
  HWY_DYNAMIC_DISPATCH(Forward)(head, result, scratch);
}

void AttentionBackward(const AttentionHead<float>& head, const AttentionResult<const float>& result,
                       const AttentionGradient<float>& gradient, AttentionScratch& scratch) {
  SLUICE_CHECK(HasAttention(head.head_dim, head.keys));
  if (head.queries == 0) {
    for (int64_t s = 0; s < head.keys; ++s) {
      std::fill_n(gradient.k + s * gradient.kv_stride, head.head_dim, 0.0f);
      std::fill_n(gradient.v + s * gradient.kv_stride, head.head_dim, 0.0f);
    }
    return;
  }
  SLUICE_CHECK(head.keys > 0);
  HWY_DYNAMIC_DISPATCH(Backward)(head, result, gradient, scratch);
}

}  // namespace sluice::kernels
#endif  // HWY_ONCE
