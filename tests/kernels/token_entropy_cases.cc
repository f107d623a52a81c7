#include "tests/kernels/token_entropy_cases.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

namespace sluice::kernels {
namespace {

constexpr float kNoNumber = std::numeric_limits<float>::quiet_NaN();
constexpr float kEndless = std::numeric_limits<float>::infinity();

// Sums of float32 whose terms and total are at most log K, divided by log K.
constexpr double kTokenTolerance = 1e-6;

// All that one call can give, of one type.
template <typename T>
struct TokenResults {
  std::vector<T> entropy, information, image_entropy;
  std::vector<uint8_t> open;
  ScoreSums sums;

  explicit TokenResults(const TokenEntropyShape& shape)
      : entropy(shape.images * shape.tokens, T{-1}),
        information(entropy),
        image_entropy(shape.images, T{-1}),
        open(entropy.size(), 7) {}

  TokenEntropyOutput<T> Output() {
    return {entropy.data(), information.data(), image_entropy.data(), open.data(), &sums};
  }
};

TokenResults<float> Score(const TokenEntropyImplementation& run, const TokenEntropyShape& shape,
                          const std::vector<float>& logits,
                          const TokenEntropyOptions& options = {}) {
  EXPECT_EQ(static_cast<int64_t>(logits.size()), shape.images * shape.tokens * shape.classes);
  TokenResults<float> results(shape);
  run(shape, options, logits.data(), results.Output());
  return results;
}

TokenResults<double> ReferenceScores(const TokenEntropyShape& shape,
                                     const std::vector<float>& logits,
                                     const TokenEntropyOptions& options = {}) {
  TokenResults<double> results(shape);
  const std::vector<double> wide(logits.begin(), logits.end());
  TokenEntropy(shape, options, wide.data(), results.Output());
  return results;
}

// Of every width between even and certain predictions.
std::vector<float> DrawLogits(const TokenEntropyShape& shape, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> logits;
  for (int64_t row = 0; row < shape.images * shape.tokens; ++row) {
    const float width = 0.1f + 2.0f * static_cast<float>(row % 5);
    for (int64_t k = 0; k < shape.classes; ++k) logits.push_back(width * normal(random));
  }
  return logits;
}

void ExpectScoresNear(const std::vector<float>& got, const std::vector<double>& expected,
                      const char* what) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(std::isnan(got[i]), std::isnan(expected[i])) << what << "[" << i << "]";
    if (std::isnan(got[i])) continue;
    ASSERT_NEAR(got[i], expected[i], kTokenTolerance) << what << "[" << i << "] of " << got.size();
    ASSERT_GE(got[i], 0.0f);
    ASSERT_LE(got[i], 1.0f);
  }
}

void ExpectLikeReference(const TokenEntropyImplementation& run, const TokenEntropyShape& shape,
                         const std::vector<float>& logits,
                         const TokenEntropyOptions& options = {}) {
  SCOPED_TRACE(testing::Message() << shape.images << " images, " << shape.tokens << " tokens, "
                                  << shape.classes << " classes, inverse temperature "
                                  << options.inverse_temperature);
  const TokenResults<float> got = Score(run, shape, logits, options);
  const TokenResults<double> expected = ReferenceScores(shape, logits, options);
  ExpectScoresNear(got.entropy, expected.entropy, "entropy");
  ExpectScoresNear(got.information, expected.information, "information");
  ExpectScoresNear(got.image_entropy, expected.image_entropy, "entropy of the image");
}

// To the bit, NaN included.
bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

// By hand: H(1/2, 1/4, 1/4) = 1.5 log 2, H(1/4, 1/2, 1/4) the same; their mean (3/8, 3/8, 1/4).
void TokenEntropyComputesTheFormulas(const TokenEntropyImplementation& run) {
  const auto half = static_cast<float>(std::log(2.0));
  const TokenResults<float> got = Score(run, {1, 2, 3}, {half, 0, 0, 5, 5 + half, 5});
  const double most = std::log(3.0);
  const double mean = -0.75 * std::log(0.375) - 0.25 * std::log(0.25);
  for (int t = 0; t < 2; ++t) {
    EXPECT_NEAR(got.entropy[t], 1.5 * std::log(2.0) / most, kTokenTolerance);
    EXPECT_NEAR(got.information[t],
                (0.5 * std::log(0.5 / 0.375) + 0.25 * std::log(0.25 / 0.375)) / most,
                kTokenTolerance);
  }
  EXPECT_NEAR(got.image_entropy[0], mean / most, kTokenTolerance);
  // Logits doubled: (2/3, 1/6, 1/6).
  const TokenResults<float> colder =
      Score(run, {1, 1, 3}, {half, 0, 0}, {.inverse_temperature = 2.0});
  EXPECT_NEAR(colder.entropy[0], (-2.0 / 3 * std::log(2.0 / 3) - std::log(1.0 / 6) / 3) / most,
              kTokenTolerance);
}

void TokenEntropyFollowsTheReference(const TokenEntropyImplementation& run, bool dense) {
  std::vector<int64_t> sizes = {2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 48, 63, 65, 100, 1000};
  for (int64_t classes = 2; dense && classes <= 70; ++classes) sizes.push_back(classes);
  for (const int64_t classes : sizes) {
    for (const int64_t tokens : {1, 5, 17, 49}) {
      const TokenEntropyShape shape{2, tokens, classes};
      ExpectLikeReference(run, shape, DrawLogits(shape, static_cast<uint32_t>(classes + tokens)));
    }
  }
  for (const int64_t classes : {10, 100}) {
    const TokenEntropyShape shape{3, 21, classes};
    for (const double inverse : {0.01, 0.3, 2.5})
      ExpectLikeReference(run, shape, DrawLogits(shape, 3), {.inverse_temperature = inverse});
  }
  const TokenEntropyShape wide{1, 3, 20011};
  ExpectLikeReference(run, wide, DrawLogits(wide, 4));
}

// Only differences count, and a difference may be of any size.
void TokenEntropyTakesLogitsOfAnySize(const TokenEntropyImplementation& run) {
  for (const int64_t classes : {10, 37, 100}) {
    const TokenEntropyShape shape{2, 7, classes};
    for (const float offset : {-1e4f, 200.0f, 1e4f}) {
      std::vector<float> logits = DrawLogits(shape, 5);
      for (float& x : logits) x += offset;
      ExpectLikeReference(run, shape, logits);
    }
    std::vector<float> certain(shape.images * shape.tokens * classes, -1e30f);
    for (size_t i = 0; i < certain.size(); i += classes + 1) certain[i] = 1e30f;
    const TokenResults<float> got = Score(run, shape, certain);
    ExpectLikeReference(run, shape, certain);
    EXPECT_EQ(got.entropy[0], 0.0f);  // Exactly: certainty is nobody's rounding.
  }
}

// One token of four disagrees for certain: KL is log 4 > log 2.
void TokenEntropyClampsInformation(const TokenEntropyImplementation& run) {
  const TokenResults<float> got = Score(run, {1, 4, 2}, {50, 0, 50, 0, 50, 0, 0, 50});
  EXPECT_EQ(got.information[3], 1.0f);
  EXPECT_NEAR(got.information[0], std::log(4.0 / 3) / std::log(2.0), kTokenTolerance);
  // No token believes in the other classes: the mean's floor takes part in nothing.
  const TokenResults<float> agreed = Score(run, {1, 2, 3}, {500, 0, 0, 500, 0, 0});
  EXPECT_EQ(agreed.information[0], 0.0f);
  EXPECT_EQ(agreed.image_entropy[0], 0.0f);
}

void TokenEntropyTakesImpossibleClasses(const TokenEntropyImplementation& run) {
  for (const int64_t classes : {3, 10, 33, 100}) {
    const TokenEntropyShape shape{2, 18, classes};
    std::vector<float> logits = DrawLogits(shape, 6);
    for (size_t i = 0; i < logits.size(); ++i) {
      // Never the first class; of the second image, never the last.
      if (i % classes != 0 && i % 3 == 0) logits[i] = -kEndless;
      if (i >= logits.size() / 2 && i % classes == static_cast<size_t>(classes - 1))
        logits[i] = -kEndless;
    }
    ExpectLikeReference(run, shape, logits);
  }
}

// NaN, +inf and nothing but -inf, at any place of a row.
void TokenEntropyMarksRowsWithoutPrediction(const TokenEntropyImplementation& run) {
  for (const int64_t classes : {3, 10, 33, 100}) {
    const TokenEntropyShape shape{3, 5, classes};
    for (int64_t place = 0; place < classes; place += 1 + classes / 11) {
      std::vector<float> logits = DrawLogits(shape, 7);
      logits[1 * classes + place] = kNoNumber;
      logits[7 * classes + place] = kEndless;
      for (const TokenEntropyOptions& options :
           {TokenEntropyOptions{.threshold = 0.001}, TokenEntropyOptions{.threshold = 0.0}}) {
        ExpectLikeReference(run, shape, logits, options);
        const TokenResults<float> got = Score(run, shape, logits, options);
        for (int64_t t = 0; t < 15; ++t) {
          EXPECT_EQ(std::isnan(got.entropy[t]), t == 1 || t == 7) << t;
          EXPECT_EQ(std::isnan(got.information[t]), t < 10) << t;
          EXPECT_EQ(got.open[t], options.threshold <= 0.0 || got.entropy[t] > 0.001 ? 1 : 0) << t;
        }
        EXPECT_TRUE(std::isnan(got.image_entropy[1]));
        EXPECT_FALSE(std::isnan(got.image_entropy[2]));
      }
    }
    std::vector<float> logits = DrawLogits(shape, 8);
    std::fill_n(logits.begin(), classes, -kEndless);
    std::fill_n(logits.begin() + 6 * classes, classes, kNoNumber);
    ExpectLikeReference(run, shape, logits);
  }
}

void TokenEntropyOpensAboveTheThreshold(const TokenEntropyImplementation& run) {
  for (const ComparedScore compared : {ComparedScore::kEntropy, ComparedScore::kInformation}) {
    for (const int64_t classes : {10, 100}) {
      const TokenEntropyShape shape{3, 11, classes};
      const std::vector<float> logits = DrawLogits(shape, 9);
      const TokenResults<float> scores = Score(run, shape, logits, {.compared = compared});
      const std::vector<float>& values =
          compared == ComparedScore::kEntropy ? scores.entropy : scores.information;
      for (const uint8_t open : scores.open) EXPECT_EQ(open, 1);  // The threshold is 0.
      // A score that stands at the threshold is not above it; a hair less opens it.
      const double hair = 1e-12;
      for (const double threshold : {double{values[4]}, double{values[4]} - hair, -0.5, 1.0}) {
        const TokenResults<float> got =
            Score(run, shape, logits, {.threshold = threshold, .compared = compared});
        for (size_t t = 0; t < values.size(); ++t)
          EXPECT_EQ(got.open[t], threshold <= 0.0 || values[t] > threshold ? 1 : 0) << t;
      }
    }
  }
}

void TokenEntropyCountsScores(const TokenEntropyImplementation& run) {
  for (const ComparedScore compared : {ComparedScore::kEntropy, ComparedScore::kInformation}) {
    const TokenEntropyShape shape{3, 700, 10};
    std::vector<float> logits = DrawLogits(shape, 10);
    logits[55] = kNoNumber;
    TokenResults<float> got(shape);
    got.sums.count = 5;  // What was counted before stays.
    run(shape, {.compared = compared}, logits.data(), got.Output());
    ScoreSums expected;
    expected.count = 5;
    for (const float score : compared == ComparedScore::kEntropy ? got.entropy : got.information)
      expected.Add(std::isnan(score) ? 0.0 : score);
    EXPECT_EQ(got.sums.count, 5u + 3 * 700);
    EXPECT_NEAR(got.sums.sum, expected.sum, 1e-9);
    EXPECT_NEAR(got.sums.square_sum, expected.square_sum, 1e-9);
    EXPECT_EQ(got.sums.histogram, expected.histogram);
  }
}

void TokenEntropyOfATokenDependsOnNoPlace(const TokenEntropyImplementation& run) {
  for (const int64_t classes : {10, 100}) {
    const TokenEntropyShape shape{4, 19, classes};
    const std::vector<float> logits = DrawLogits(shape, 11);
    const TokenResults<float> together = Score(run, shape, logits);
    for (int64_t i = 0; i < shape.images; ++i) {
      const auto first = logits.begin() + i * 19 * classes;
      const TokenResults<float> alone = Score(run, {1, 19, classes}, {first, first + 19 * classes});
      EXPECT_TRUE(std::equal(alone.entropy.begin(), alone.entropy.end(),
                             together.entropy.begin() + i * 19));
      EXPECT_TRUE(std::equal(alone.information.begin(), alone.information.end(),
                             together.information.begin() + i * 19));
      EXPECT_EQ(alone.image_entropy[0], together.image_entropy[i]);
    }
    const TokenResults<float> flat = Score(run, {76, 1, classes}, logits);
    EXPECT_TRUE(SameBits(flat.entropy, together.entropy));
  }
}

void TokenEntropyWritesWhatIsWantedAndNoMore(const TokenEntropyImplementation& run) {
  for (const int64_t classes : {10, 100}) {
    const TokenEntropyShape shape{2, 13, classes};
    const std::vector<float> logits = DrawLogits(shape, 12);
    const TokenEntropyOptions options{.threshold = 0.4, .compared = ComparedScore::kInformation};
    const TokenResults<float> all = Score(run, shape, logits, options);
    const TokenEntropyShape larger{3, 13, classes};  // Room behind what may be written.
    for (int wanted = 0; wanted < 5; ++wanted) {
      TokenResults<float> got(larger);
      const TokenResults<float> before = got;
      TokenEntropyOutput<float> output;
      if (wanted == 0) output.entropy = got.entropy.data();
      if (wanted == 1) output.information = got.information.data();
      if (wanted == 2) output.image_entropy = got.image_entropy.data();
      if (wanted == 3) output.open = got.open.data();
      if (wanted == 4) output.sums = &got.sums;
      run(shape, options, logits.data(), output);
      const auto expect = [&](bool is, const auto& part, const auto& whole, const auto& untouched) {
        for (size_t i = 0; i < part.size(); ++i)
          EXPECT_EQ(part[i], is && i < whole.size() ? whole[i] : untouched[i]) << wanted;
      };
      expect(wanted == 0, got.entropy, all.entropy, before.entropy);
      expect(wanted == 1, got.information, all.information, before.information);
      expect(wanted == 2, got.image_entropy, all.image_entropy, before.image_entropy);
      expect(wanted == 3, got.open, all.open, before.open);
      EXPECT_EQ(got.sums.count, wanted == 4 ? all.sums.count : 0);
    }
  }
  run({0, 13, 10}, {}, nullptr, {});
}

}  // namespace sluice::kernels
