#include "worker/model/gemm.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"

namespace sluice::model {
namespace {

constexpr Processor kAmdWide{/*avx512=*/true, /*intel=*/false};
constexpr Processor kIntelWide{/*avx512=*/true, /*intel=*/true};
constexpr Processor kNarrow{/*avx512=*/false, /*intel=*/false};

TEST(GemmTest, AutoIsOneDnnWhereMklLeavesWideVectorsAside) {
  EXPECT_EQ(*ResolveGemm("auto", kAmdWide), Gemm::kOneDnn);
  EXPECT_EQ(*ResolveGemm("auto", kIntelWide), Gemm::kMkl);
  EXPECT_EQ(*ResolveGemm("auto", kNarrow), Gemm::kMkl);
}

TEST(GemmTest, WhatIsNamedIsTaken) {
  for (const Processor& processor : {kAmdWide, kIntelWide}) {
    EXPECT_EQ(*ResolveGemm("mkl", processor), Gemm::kMkl);
    EXPECT_EQ(*ResolveGemm("onednn", processor), Gemm::kOneDnn);
  }
  EXPECT_EQ(*ResolveGemm("mkl", kNarrow), Gemm::kMkl);
}

TEST(GemmTest, WhatTheProcessorCannotIsRefusedByName) {
  EXPECT_TRUE(SaysInvalid(ResolveGemm("onednn", kNarrow).status(),
                          {"compute.gemm is 'onednn'", "auto or mkl", "AVX-512"}));
  EXPECT_TRUE(SaysInvalid(ResolveGemm("blas", kAmdWide).status(),
                          {"compute.gemm is 'blas'", "auto, mkl, onednn"}));
}

TEST(GemmTest, NamesReadBack) {
  for (const Gemm gemm : {Gemm::kMkl, Gemm::kOneDnn})
    EXPECT_EQ(*ResolveGemm(GemmName(gemm), kAmdWide), gemm);
}

TEST(GemmTest, AProcessStartsWithAutoAndKeepsWhatIsSet) {
  EXPECT_EQ(CurrentGemm(), *ResolveGemm("auto"));
  SetGemm(Gemm::kMkl);
  EXPECT_EQ(CurrentGemm(), Gemm::kMkl);
  SetGemm(*ResolveGemm("auto"));
}

}  // namespace
}  // namespace sluice::model
