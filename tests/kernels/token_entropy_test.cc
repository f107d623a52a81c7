#include "kernels/token_entropy.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <thread>
#include <vector>

#include "tests/kernels/token_entropy_cases.h"

namespace sluice::kernels {
namespace {

void TokenEntropyCpu(const TokenEntropyShape& shape, const TokenEntropyOptions& options,
                     const float* logits, const TokenEntropyOutput<float>& output) {
  TokenEntropy(shape, options, logits, output);
}

// Rounded to float32 at the end; scores are compared as they are handed out.
void TokenEntropyReference(const TokenEntropyShape& shape, const TokenEntropyOptions& options,
                           const float* logits, const TokenEntropyOutput<float>& output) {
  const int64_t count = shape.images * shape.tokens;
  const std::vector<double> wide(logits, logits + count * shape.classes);
  std::vector<double> entropy(count), information(count), image_entropy(shape.images);
  TokenEntropy(
      shape, options, wide.data(),
      TokenEntropyOutput<double>{entropy.data(), information.data(), image_entropy.data()});
  const auto narrow = [](const std::vector<double>& from, float* to) {
    for (size_t i = 0; to != nullptr && i < from.size(); ++i) to[i] = static_cast<float>(from[i]);
  };
  narrow(entropy, output.entropy);
  narrow(information, output.information);
  narrow(image_entropy, output.image_entropy);
  const auto& compared = options.compared == ComparedScore::kEntropy ? entropy : information;
  for (int64_t t = 0; t < count; ++t) {
    const auto score = static_cast<float>(compared[t]);
    if (output.open != nullptr)
      output.open[t] = options.threshold <= 0.0 || score > options.threshold ? 1 : 0;
    if (output.sums != nullptr) output.sums->Add(score);
  }
}

TEST(TokenEntropy, TheReferencePassesItsOwnCases) { RunTokenEntropyCases(TokenEntropyReference); }

TEST(TokenEntropy, EveryInstructionSetFollowsTheReference) {
  int tried = 0;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(hwy::TargetName(target));
    RunTokenEntropyCases(TokenEntropyCpu, /*dense=*/true);
    ++tried;
  }
  hwy::SetSupportedTargetsForTest(0);
  EXPECT_GE(tried, 1);
}

TEST(TokenEntropy, ThreadsScoreTheImagesOfOneBatch) {
  const TokenEntropyShape shape{8, 20, 50};
  std::vector<float> logits(8 * 20 * 50);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i * i % 97) / 20.0f;
  std::vector<float> expected(160), got(160);
  TokenEntropy(shape, {}, logits.data(), {.information = expected.data()});
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < 8; i += 2) {
    threads.emplace_back([&, i] {
      TokenEntropy({2, 20, 50}, {}, logits.data() + i * 1000, {.information = &got[i * 20]});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(got, expected);
}

}  // namespace
}  // namespace sluice::kernels
