// What kernels of entropies and attention share, compiled once per instruction set: included
// between Highway's markers of several files, each of which includes it once per set.
#if defined(SLUICE_KERNELS_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SLUICE_KERNELS_EXP_INL_H_
#undef SLUICE_KERNELS_EXP_INL_H_
#else
#define SLUICE_KERNELS_EXP_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace sluice::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// e^-87 is near the smallest normal float32: what is less than this counts as nothing beside the
// row's largest exponential, which is 1.
inline constexpr float kLeastExponent = -87.0f;

// max(x, kLeastExponent), but NaN stays NaN, which Highway leaves to the instruction set.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ClampExponent(D d, V x) {
  const V least = hn::Set(d, kLeastExponent);
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_SSSE3
  return hn::Max(least, x);  // x86 returns the second operand if either is NaN.
#else
  return hn::IfThenElse(hn::Lt(x, least), least, x);
#endif
}

// e^x for x in [kLeastExponent, 1] or NaN; e^0 is exactly 1. Highway's own takes half as long
// again. x = n log 2 + r with |r| <= log(2) / 2; e^r by a polynomial of degree 5 with the first two
// coefficients 1, the others by Remez's exchange for the least relative error, which is 1.05e-7;
// with rounding it is under 4e-7. 2^n is the low byte of x / log 2 + 1.5 * 2^23 + 127, shifted.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ShortExp(D d, V x) {
  const hn::RebindToSigned<D> bits;
  const V magic = hn::Set(d, 12582912.0f + 127.0f);
  const V shifted = hn::MulAdd(x, hn::Set(d, 1.44269504f), magic);
  const V n = hn::Sub(shifted, magic);
#if HWY_NATIVE_FMA
  const V r = hn::NegMulAdd(n, hn::Set(d, 0.693147180559945f), x);
#else
  // n times the upper half of log 2 is exact.
  V r = hn::NegMulAdd(n, hn::Set(d, 0.693145751953125f), x);
  r = hn::NegMulAdd(n, hn::Set(d, 1.42860677e-6f), r);
#endif
  V p = hn::MulAdd(hn::Set(d, 0.008312520144083927f), r, hn::Set(d, 0.04189015681267937f));
  p = hn::MulAdd(p, r, hn::Set(d, 0.16667114649989617f));
  p = hn::MulAdd(p, r, hn::Set(d, 0.4999923149540213f));
  const V one = hn::Set(d, 1.0f);
  p = hn::MulAdd(hn::MulAdd(p, r, one), r, one);
  return hn::Mul(p, hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(bits, shifted))));
}

// x clamped to [0, 1], but NaN stays NaN. What kLeastExponent leaves of impossible classes is 0.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ClampToUnit(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  x = hn::IfThenElse(hn::Lt(x, hn::Set(d, 1e-20f)), hn::Zero(d), x);
  return hn::IfThenElse(hn::Gt(x, one), one, x);
}

}  // namespace sluice::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SLUICE_KERNELS_EXP_INL_H_
