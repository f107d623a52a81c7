#include "kernels/attention.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "tests/kernels/attention_cases.h"

namespace sluice::kernels {
namespace {

// With scratch in which `stale` stands before each call.
AttentionImplementation Cpu(float stale = std::numeric_limits<float>::quiet_NaN()) {
  const auto scratch = std::make_shared<AttentionScratch>();
  const auto spoil = [scratch, stale] { std::fill_n(scratch->Get(250'000), 250'000, stale); };
  return {[=](const auto& head, const auto& result) {
            spoil();
            AttentionForward(head, result, *scratch);
          },
          [=](const auto& head, const auto& result, const auto& gradient) {
            spoil();
            AttentionBackward(head, result, gradient, *scratch);
          }};
}

TEST(Attention, TheReferencePassesItsOwnCases) { RunAttentionCases(AttentionReference()); }

TEST(Attention, EveryInstructionSetFollowsTheReference) {
  int tried = 0;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(hwy::TargetName(target));
    RunAttentionCases(Cpu());
    AttentionFollowsTheReference(Cpu(std::numeric_limits<float>::infinity()));
    ++tried;
  }
  hwy::SetSupportedTargetsForTest(0);
  EXPECT_GE(tried, 1);
}

// A query's row has the same bits whichever queries stand beside it.
TEST(Attention, ARowDoesNotDependOnOtherQueries) {
  const AttentionProblem p = DrawAttention(9, 70, 50, 64);
  const AttentionOutcome all = RunAttention(Cpu(), p);
  for (const int64_t queries : {1, 2, 5, 13, 64, 69}) {
    AttentionProblem some = p;
    some.queries = queries;
    some.q.resize(queries * 64);
    some.gradient.resize(queries * 64);
    const AttentionOutcome got = RunAttention(Cpu(), some);
    EXPECT_TRUE(std::equal(got.out.begin(), got.out.end(), all.out.begin())) << queries;
    EXPECT_TRUE(std::equal(got.q.begin(), got.q.end(), all.q.begin())) << queries;
  }
}

TEST(AttentionScratch, IsAlignedAndGrows) {
  AttentionScratch scratch;
  for (const int64_t count : {1, 100, 7, 100'000}) {
    float* const at = scratch.Get(count);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(at) % 64, 0U);
    std::fill_n(at, count, 1.0f);
  }
}

TEST(AttentionDeathTest, WhatItDoesNotTakeEndsTheProgram) {
  EXPECT_TRUE(HasAttention(64, 4096));
  EXPECT_FALSE(HasAttention(24, 10) || HasAttention(0, 10) || HasAttention(272, 10) ||
               HasAttention(64, 4097));
  EXPECT_DEATH(RunAttention(Cpu(), DrawAttention(1, 1, 1, 24)), "HasAttention");
  EXPECT_DEATH(RunAttention(Cpu(), DrawAttention(1, 1, 0, 16)), "keys");
}

}  // namespace
}  // namespace sluice::kernels
