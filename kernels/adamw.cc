#include "kernels/adamw.h"

#include <cmath>

// Highway compiles what stands between the markers once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/adamw.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace sluice::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

void AdamWRun(const AdamWCoefficients& c, int64_t count, float* p, const float* g, float* m,
              float* v) {
  const hn::ScalableTag<float> wide;
  const auto set = [&](double x) { return hn::Set(wide, static_cast<float>(x)); };
  const auto beta1 = set(c.beta1), one_minus_beta1 = set(1.0 - c.beta1);
  const auto beta2 = set(c.beta2), one_minus_beta2 = set(1.0 - c.beta2);
  const auto keep = set(1.0 - c.lr * c.weight_decay), grad_scale = set(c.grad_scale);
  const auto step = set(c.update_scale * c.lr / c.correction1);
  const auto root = set(1.0 / std::sqrt(c.correction2)), epsilon = set(c.epsilon);
  const auto update = [&](auto pv, auto gv, auto& mv, auto& vv) {
    const auto scaled = hn::Mul(gv, grad_scale);
    mv = hn::MulAdd(beta1, mv, hn::Mul(one_minus_beta1, scaled));
    vv = hn::MulAdd(beta2, vv, hn::Mul(one_minus_beta2, hn::Mul(scaled, scaled)));
    const auto denominator = hn::MulAdd(hn::Sqrt(vv), root, epsilon);
    return hn::Sub(hn::Mul(pv, keep), hn::Div(hn::Mul(step, mv), denominator));
  };
  const auto lanes = static_cast<int64_t>(hn::Lanes(wide));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    auto mv = hn::LoadU(wide, m + i);
    auto vv = hn::LoadU(wide, v + i);
    hn::StoreU(update(hn::LoadU(wide, p + i), hn::LoadU(wide, g + i), mv, vv), wide, p + i);
    hn::StoreU(mv, wide, m + i);
    hn::StoreU(vv, wide, v + i);
  }
  for (; i < count; ++i) {
    // One lane at a time through the same operations, so that a value does not depend on where its
    // run ends.
    auto mv = hn::Set(wide, m[i]);
    auto vv = hn::Set(wide, v[i]);
    const auto pv = update(hn::Set(wide, p[i]), hn::Set(wide, g[i]), mv, vv);
    p[i] = hn::GetLane(pv);
    m[i] = hn::GetLane(mv);
    v[i] = hn::GetLane(vv);
  }
}

}  // namespace sluice::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice::kernels {

HWY_EXPORT(AdamWRun);

void AdamW(const AdamWCoefficients& c, const RowRange& range, float* p, const float* g, float* m,
           float* v) {
  for (int64_t r = 0; r < range.rows; ++r) {
    const int64_t at = r * range.stride;
    HWY_DYNAMIC_DISPATCH(AdamWRun)(c, range.columns, p + at, g + at, m + at, v + at);
  }
}

void AdamW(const AdamWCoefficients& c, const RowRange& range, double* p, const double* g, double* m,
           double* v) {
  for (int64_t r = 0; r < range.rows; ++r) {
    for (int64_t i = r * range.stride; i < r * range.stride + range.columns; ++i) {
      const double scaled = c.grad_scale * g[i];
      m[i] = c.beta1 * m[i] + (1.0 - c.beta1) * scaled;
      v[i] = c.beta2 * v[i] + (1.0 - c.beta2) * scaled * scaled;
      const double update = (m[i] / c.correction1) / (std::sqrt(v[i] / c.correction2) + c.epsilon);
      p[i] -= c.lr * c.weight_decay * p[i] + c.update_scale * c.lr * update;
    }
  }
}

}  // namespace sluice::kernels
#endif  // HWY_ONCE
