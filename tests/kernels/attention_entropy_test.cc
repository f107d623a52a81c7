#include "kernels/attention_entropy.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <vector>

#include "tests/kernels/attention_entropy_cases.h"

namespace sluice::kernels {
namespace {

void AttentionEntropyCpu(const AttentionShape& shape, const float* q, const float* k,
                         float* entropy) {
  AttentionEntropy(shape, q, k, entropy);
}

// Rounded to float32 at the end.
void AttentionEntropyReference(const AttentionShape& shape, const float* q, const float* k,
                               float* entropy) {
  if (shape.images == 0) return;
  const int64_t size = (shape.images - 1) * shape.image_stride +
                       (shape.tokens - 1) * shape.row_stride + shape.heads * shape.head_dim;
  const std::vector<double> wide_q(q, q + size), wide_k(k, k + size);
  std::vector<double> wide(shape.images * shape.heads * shape.queries());
  AttentionEntropy(shape, wide_q.data(), wide_k.data(), wide.data());
  std::copy(wide.begin(), wide.end(), entropy);
}

TEST(AttentionEntropy, TheReferencePassesItsOwnCases) {
  RunAttentionEntropyCases(AttentionEntropyReference);
}

TEST(AttentionEntropy, EveryInstructionSetFollowsTheReference) {
  int tried = 0;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(hwy::TargetName(target));
    RunAttentionEntropyCases(AttentionEntropyCpu);
    ++tried;
  }
  hwy::SetSupportedTargetsForTest(0);
  EXPECT_GE(tried, 1);
}

}  // namespace
}  // namespace sluice::kernels
