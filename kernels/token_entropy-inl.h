// The vector code of token_entropy.cc, compiled once per instruction set.
//
// Many classes: lanes are classes, and rows of `kept` are padded with zeros to whole vectors.
// Few classes, which would leave most lanes of a row's last vector empty: lanes are tokens, and
// `kept` is [tokens / lanes, classes, lanes].
#if defined(SLUICE_KERNELS_TOKEN_ENTROPY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SLUICE_KERNELS_TOKEN_ENTROPY_INL_H_
#undef SLUICE_KERNELS_TOKEN_ENTROPY_INL_H_
#else
#define SLUICE_KERNELS_TOKEN_ENTROPY_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "kernels/exp-inl.h"
#include "kernels/token_entropy_group.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::kernels::HWY_NAMESPACE {

using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;

// Floats ahead of the row at hand that are asked for while its exponentials are computed: the
// processor's own prefetching stops at each page.
inline constexpr int64_t kAhead = 512;

HWY_INLINE int64_t LaneCount() { return static_cast<int64_t>(hn::Lanes(Tag())); }
HWY_INLINE int64_t RoundUp(int64_t n) { return (n + LaneCount() - 1) / LaneCount() * LaneCount(); }
HWY_INLINE bool TokensInLanes(const TokenGroup& g) { return g.classes < 2 * LaneCount(); }

// Largest of a row; NaN may or may not be seen. At least one vector long.
HWY_INLINE Vector RowMax(const float* row, int64_t classes) {
  const Tag d;
  const int64_t lanes = LaneCount();
  const auto at = [&](int64_t k) { return hn::LoadU(d, row + k); };
  // The last vector overlaps the one before: a class may be looked at twice.
  Vector a = at(classes - lanes), b = a, c = a, e = a;
  int64_t k = 0;
  for (; k + 4 * lanes <= classes; k += 4 * lanes) {
    a = hn::Max(at(k), a);
    b = hn::Max(at(k + lanes), b);
    c = hn::Max(at(k + 2 * lanes), c);
    e = hn::Max(at(k + 3 * lanes), e);
  }
  for (; k + lanes <= classes; k += lanes) a = hn::Max(at(k), a);
  return hn::MaxOfLanes(d, hn::Max(hn::Max(a, b), hn::Max(c, e)));
}

// z and s of a row, its e to `kept` if kKeep.
template <bool kKeep>
HWY_INLINE void RowSums(const TokenGroup& g, const float* row, float* kept, float& z, float& s) {
  const Tag d;
  const int64_t lanes = LaneCount(), classes = g.classes;
  const Vector most = RowMax(row, classes), scale = hn::Set(d, g.scale);
  Vector z0 = hn::Zero(d), s0 = z0, z1 = z0, s1 = z0;
  const auto shifted = [&](int64_t k) {
    return ClampExponent(d, hn::Mul(hn::Sub(hn::LoadU(d, row + k), most), scale));
  };
  const auto add = [&](int64_t k, Vector& zv, Vector& sv) {
    hwy::Prefetch(row + classes + kAhead + k);
    const Vector x = shifted(k), e = ShortExp(d, x);
    if (kKeep) hn::Store(e, d, kept + k);
    zv = hn::Add(zv, e);
    sv = hn::MulAdd(e, x, sv);
  };
  int64_t k = 0;
  for (; k + 2 * lanes <= classes; k += 2 * lanes) {
    add(k, z0, s0);
    add(k + lanes, z1, s1);
  }
  if (k + lanes <= classes) {
    add(k, z0, s0);
    k += lanes;
  }
  if (k < classes) {
    // A last vector that ends with the row; its first lanes were counted above.
    const int64_t last = classes - lanes;
    const auto counted = hn::FirstN(d, static_cast<size_t>(k - last));
    const Vector x = shifted(last), e = ShortExp(d, x);
    if (kKeep) {
      hn::Store(hn::Zero(d), d, kept + k);
      hn::StoreU(e, d, kept + last);
    }
    const Vector rest = hn::IfThenZeroElse(counted, e);
    z1 = hn::Add(z1, rest);
    s1 = hn::MulAdd(rest, x, s1);
  }
  z = hn::GetLane(hn::SumOfLanes(d, hn::Add(z0, z1)));
  s = hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1)));
}

// The same for a vector of tokens, [lanes, classes] at `rows`, of which only the first `valid` are
// there; others repeat the last. `tile` takes e [classes, lanes].
HWY_INLINE void ColumnSums(const TokenGroup& g, const float* rows, int64_t valid, float* tile,
                           float* z, float* s) {
  const Tag d;
  const hn::RebindToSigned<Tag> di;
  const int64_t lanes = LaneCount();
  const auto token = hn::Min(hn::Iota(di, 0), hn::Set(di, static_cast<int32_t>(valid - 1)));
  const auto index = hn::Mul(token, hn::Set(di, static_cast<int32_t>(g.classes)));
  const Vector scale = hn::Set(d, g.scale);
  Vector most = hn::GatherIndex(d, rows, index);
  hn::Store(most, d, tile);
  for (int64_t k = 1; k < g.classes; ++k) {
    const Vector x = hn::GatherIndex(d, rows + k, index);
    hn::Store(x, d, tile + k * lanes);
    most = hn::Max(x, most);
  }
  Vector zv = hn::Zero(d), sv = zv;
  for (int64_t k = 0; k < g.classes; ++k) {
    const Vector x = ClampExponent(d, hn::Mul(hn::Sub(hn::Load(d, tile + k * lanes), most), scale));
    const Vector e = ShortExp(d, x);
    hn::Store(e, d, tile + k * lanes);
    zv = hn::Add(zv, e);
    sv = hn::MulAdd(e, x, sv);
  }
  hn::Store(zv, d, z);
  hn::Store(sv, d, s);
}

// z, s and, if the mean is wanted, e of all tokens. The last vector of z and s is filled up with
// copies of values that are there.
HWY_INLINE void Sums(const TokenGroup& g) {
  const int64_t lanes = LaneCount(), stride = RoundUp(g.classes);
  if (TokensInLanes(g)) {
    for (int64_t t = 0; t < g.tokens; t += lanes) {
      float* tile = g.wants_mean ? g.kept + t * g.classes : g.kept;
      ColumnSums(g, g.logits + t * g.classes, std::min(lanes, g.tokens - t), tile, g.z + t,
                 g.s + t);
    }
    return;
  }
  for (int64_t t = 0; t < g.tokens; ++t) {
    const float* row = g.logits + t * g.classes;
    if (g.wants_mean) {
      RowSums<true>(g, row, g.kept + t * stride, g.z[t], g.s[t]);
    } else {
      RowSums<false>(g, row, nullptr, g.z[t], g.s[t]);
    }
  }
  for (int64_t t = g.tokens; t < RoundUp(g.tokens); ++t) g.z[t] = g.s[t] = 1.0f;
}

// Sum of p over tokens where lanes are classes: [classes], padded with zeros.
HWY_INLINE void AddRows(const TokenGroup& g) {
  const Tag d;
  const int64_t lanes = LaneCount(), stride = RoundUp(g.classes);
  std::fill_n(g.log_mean, stride, 0.0f);
  int64_t t = 0;
  for (; t + 4 <= g.tokens; t += 4) {
    const float* e = g.kept + t * stride;
    const Vector f0 = hn::Set(d, 1.0f / g.z[t]), f1 = hn::Set(d, 1.0f / g.z[t + 1]);
    const Vector f2 = hn::Set(d, 1.0f / g.z[t + 2]), f3 = hn::Set(d, 1.0f / g.z[t + 3]);
    for (int64_t k = 0; k < stride; k += lanes) {
      Vector a = hn::MulAdd(hn::Load(d, e + k), f0, hn::Load(d, g.log_mean + k));
      Vector b = hn::Mul(hn::Load(d, e + stride + k), f1);
      a = hn::MulAdd(hn::Load(d, e + 2 * stride + k), f2, a);
      b = hn::MulAdd(hn::Load(d, e + 3 * stride + k), f3, b);
      hn::Store(hn::Add(a, b), d, g.log_mean + k);
    }
  }
  for (; t < g.tokens; ++t) {
    const Vector f = hn::Set(d, 1.0f / g.z[t]);
    for (int64_t k = 0; k < stride; k += lanes) {
      const Vector e = hn::Load(d, g.kept + t * stride + k);
      hn::Store(hn::MulAdd(e, f, hn::Load(d, g.log_mean + k)), d, g.log_mean + k);
    }
  }
}

// The same where lanes are tokens.
HWY_INLINE void AddColumns(const TokenGroup& g) {
  const Tag d;
  const int64_t lanes = LaneCount();
  std::fill_n(g.log_mean, RoundUp(g.classes), 0.0f);
  for (int64_t k = 0; k < g.classes; ++k) {
    Vector sum = hn::Zero(d);
    for (int64_t t = 0; t < g.tokens; t += lanes) {
      const auto there = hn::FirstN(d, static_cast<size_t>(std::min(lanes, g.tokens - t)));
      const Vector e = hn::Load(d, g.kept + t * g.classes + k * lanes);
      const Vector p = hn::Div(e, hn::Load(d, g.z + t));
      sum = hn::Add(sum, hn::IfThenElseZero(there, p));
    }
    g.log_mean[k] = hn::GetLane(hn::SumOfLanes(d, sum));
  }
}

// Sums of p in `log_mean` become logarithms of means. A class that no token of the image believes
// in adds nothing to what the logarithm is multiplied with.
HWY_INLINE void TakeLogOfMean(TokenGroup& g) {
  const Tag d;
  const Vector floor = hn::Set(d, 1e-30f);
  const Vector share = hn::Set(d, 1.0f / static_cast<float>(g.tokens));
  Vector entropy = hn::Zero(d);
  for (int64_t k = 0; k < g.classes; k += LaneCount()) {
    const Vector mean = hn::Mul(hn::Load(d, g.log_mean + k), share);
    const Vector log_mean = hn::Log(d, hn::IfThenElse(hn::Lt(mean, floor), floor, mean));
    // Log does not hand NaN on on every processor; the product does.
    entropy = hn::NegMulAdd(mean, log_mean, entropy);
    hn::Store(hn::IfThenElse(hn::IsNaN(mean), mean, log_mean), d, g.log_mean + k);
  }
  const Vector total = hn::SumOfLanes(d, entropy);
  const Vector most = hn::Set(d, std::log(static_cast<float>(g.classes)));
  g.image_entropy = hn::GetLane(ClampToUnit(d, hn::Div(total, most)));
}

HWY_INLINE void CrossTerms(const TokenGroup& g) {
  const Tag d;
  const int64_t lanes = LaneCount(), stride = RoundUp(g.classes);
  const auto mean = [&](int64_t k) { return hn::Load(d, g.log_mean + k); };
  if (TokensInLanes(g)) {
    for (int64_t t = 0; t < g.tokens; t += lanes) {
      const float* e = g.kept + t * g.classes;
      Vector sum = hn::Zero(d);
      for (int64_t k = 0; k < g.classes; ++k)
        sum = hn::MulAdd(hn::Load(d, e + k * lanes), hn::Set(d, g.log_mean[k]), sum);
      hn::Store(sum, d, g.cross + t);
    }
    return;
  }
  for (int64_t t = 0; t < g.tokens; ++t) {
    const float* e = g.kept + t * stride;
    Vector a = hn::Zero(d), b = a;
    int64_t k = 0;
    for (; k + 2 * lanes <= stride; k += 2 * lanes) {
      a = hn::MulAdd(hn::Load(d, e + k), mean(k), a);
      b = hn::MulAdd(hn::Load(d, e + k + lanes), mean(k + lanes), b);
    }
    if (k < stride) a = hn::MulAdd(hn::Load(d, e + k), mean(k), a);
    g.cross[t] = hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b)));
  }
}

// Entropy log Z - S / Z and divergence (S - cross) / Z - log Z, normalised.
HWY_INLINE void Finish(const TokenGroup& g) {
  const Tag d;
  const Vector most = hn::Set(d, std::log(static_cast<float>(g.classes)));
  for (int64_t t = 0; t < g.tokens; t += LaneCount()) {
    const Vector z = hn::Load(d, g.z + t), s = hn::Load(d, g.s + t);
    // Log does not hand NaN on on every processor; the quotient does.
    const Vector log_z = hn::Log(d, z);
    const Vector entropy = hn::Sub(log_z, hn::Div(s, z));
    hn::Store(ClampToUnit(d, hn::Div(entropy, most)), d, g.entropy + t);
    if (!g.wants_information) continue;
    const Vector cross = hn::Load(d, g.cross + t);
    const Vector divergence = hn::Sub(hn::Div(hn::Sub(s, cross), z), log_z);
    hn::Store(ClampToUnit(d, hn::Div(divergence, most)), d, g.information + t);
  }
}

void ScoreGroup(TokenGroup& g) {
  Sums(g);
  if (g.wants_mean) {
    if (TokensInLanes(g)) {
      AddColumns(g);
    } else {
      AddRows(g);
    }
    TakeLogOfMean(g);
  }
  if (g.wants_information) CrossTerms(g);
  Finish(g);
}

}  // namespace sluice::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SLUICE_KERNELS_TOKEN_ENTROPY_INL_H_
