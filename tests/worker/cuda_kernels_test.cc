#include "worker/cuda_kernels.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

// Only in a build without CUDA: what reaches for a kernel there must say which build has it.
namespace sluice {
namespace {

void ExpectAskedForCuda(const std::function<void()>& call) {
  try {
    call();
  } catch (const c10::Error& error) {
    EXPECT_NE(std::string(error.what_without_backtrace()).find("preset cuda"), std::string::npos)
        << error.what_without_backtrace();
    return;
  }
  ADD_FAILURE() << "nothing was thrown";
}

TEST(CudaKernels, WithoutCudaEveryOneNamesThePresetThatHasThem) {
  const torch::Tensor rows = torch::randn({4, 6});
  const torch::Tensor index = torch::tensor({2, 0}, torch::kLong);
  const torch::Tensor codes = torch::zeros({4, 6}, torch::kUInt8);
  const torch::Tensor logits = torch::randn({2, 3, 5}), qkv = torch::randn({2, 3, 12});
  ExpectAskedForCuda([&] { CudaRowCompact(rows, index); });
  ExpectAskedForCuda([&] { CudaRowScatter(rows, index, 8); });
  ExpectAskedForCuda([&] { CudaFp8Pack(rows); });
  ExpectAskedForCuda([&] { CudaFp8Unpack(codes, torch::ones({4})); });
  for (const TokenScore score :
       {TokenScore::kEntropy, TokenScore::kInformation, TokenScore::kImageEntropy})
    ExpectAskedForCuda([&] { CudaTokenEntropy(logits, score); });
  ExpectAskedForCuda([&] { CudaAttentionEntropy({2, 3, 2, 2, 12, 36}, qkv, 4); });
}

}  // namespace
}  // namespace sluice
