#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <limits>
#include <vector>

// Highway compiles what stands between the markers once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/kernels/exp_test.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::kernels::HWY_NAMESPACE {

void ExpRun(const std::vector<float>& x, std::vector<float>& y) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < x.size(); ++i)
    y[i] = hn::GetLane(ShortExp(d, ClampExponent(d, hn::Set(d, x[i]))));
}

}  // namespace sluice::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice::kernels {
namespace {

HWY_EXPORT(ExpRun);

std::vector<float> Exponentials(const std::vector<float>& x) {
  std::vector<float> y(x.size());
  HWY_DYNAMIC_DISPATCH(ExpRun)(x, y);
  return y;
}

TEST(ShortExp, IsAsNearAsItsHeaderSaysOnEveryInstructionSet) {
  std::vector<float> x;
  for (float at = 1.0f; at >= -87.0f; at -= 0.00037f) x.push_back(at);
  for (float at = 1e-8f; at < 1.0f; at *= 1.1f) x.push_back(-at);
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(hwy::TargetName(target));
    const std::vector<float> y = Exponentials(x);
    for (size_t i = 0; i < x.size(); ++i)
      ASSERT_NEAR(y[i] / std::exp(static_cast<double>(x[i])), 1.0, 4e-7) << x[i];
    const float infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> edges = Exponentials({0.0f, -88.0f, -1e30f, -infinity, NAN});
    EXPECT_EQ(edges[0], 1.0f);
    for (int i = 1; i < 4; ++i) {
      EXPECT_GT(edges[i], 0.0f);
      EXPECT_LT(edges[i], 2e-38f);
    }
    EXPECT_TRUE(std::isnan(edges[4]));
  }
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace
}  // namespace sluice::kernels
#endif  // HWY_ONCE
