#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/token_entropy.h"

// The reference in double precision against values that were computed by hand: everything else is
// compared with it.
namespace sluice::kernels {
namespace {

constexpr double kUnbounded = std::numeric_limits<double>::infinity();
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kRounding = 1e-14;

// One image.
struct ImageScores {
  std::vector<double> entropy, information;
  double image = -1.0;
  std::vector<uint8_t> open;
  ScoreSums sums;
};

ImageScores ScoreImage(const std::vector<std::vector<double>>& tokens,
                       const TokenEntropyOptions& options = {}) {
  std::vector<double> logits;
  for (const std::vector<double>& token : tokens)
    logits.insert(logits.end(), token.begin(), token.end());
  const auto count = static_cast<int64_t>(tokens.size());
  ImageScores s;
  s.entropy.assign(count, -1.0);
  s.information.assign(count, -1.0);
  s.open.assign(count, 7);
  const TokenEntropyOutput<double> output{s.entropy.data(), s.information.data(), &s.image,
                                          s.open.data(), &s.sums};
  TokenEntropy({1, count, static_cast<int64_t>(tokens[0].size())}, options, logits.data(), output);
  return s;
}

TEST(TokenEntropyReference, HalvesQuartersAndEighths) {
  // Probabilities 1/2, 1/4, 1/8, 1/8: 1.75 bits of 2. A constant on all logits changes nothing.
  const double ln2 = std::log(2.0);
  for (const double constant : {0.0, -700.0, 1e4}) {
    const std::vector<double> token = {3 * ln2 + constant, 2 * ln2 + constant, ln2 + constant,
                                       ln2 + constant};
    EXPECT_NEAR(ScoreImage({token}).entropy[0], 0.875, 1e-11) << constant;
  }
}

TEST(TokenEntropyReference, TheTemperatureIsInTheExponent) {
  // Logits ln 3 and 0, twice: 9 : 1.
  const double entropy = -(0.9 * std::log2(0.9) + 0.1 * std::log2(0.1));
  const ImageScores s = ScoreImage({{std::log(3.0), 0.0}}, {.inverse_temperature = 2.0});
  EXPECT_NEAR(s.entropy[0], entropy, kRounding);
}

// Tokens (1, 0) and (1/2, 1/2): the mean is (3/4, 1/4), of 2 - 3/4 log2(3) bits. From the mean they
// diverge by log2(4/3) bits and by half of that.
TEST(TokenEntropyReference, ACertainTokenBesideADoubtfulOne) {
  const double bits = std::log2(4.0 / 3.0);
  const ImageScores s = ScoreImage({{5.0, -kUnbounded}, {1.0, 1.0}});
  EXPECT_EQ(s.entropy[0], 0.0);
  EXPECT_EQ(s.entropy[1], 1.0);
  EXPECT_NEAR(s.image, 2.0 - 0.75 * std::log2(3.0), kRounding);
  EXPECT_NEAR(s.information[0], bits, kRounding);
  EXPECT_NEAR(s.information[1], bits / 2, kRounding);
}

TEST(TokenEntropyReference, OneTokenIsItsImagesMean) {
  const ImageScores s = ScoreImage({{0.0, std::log(2.0), std::log(5.0)}});
  EXPECT_NEAR(s.image, s.entropy[0], kRounding);
  EXPECT_NEAR(s.information[0], 0.0, kRounding);
}

// All tokens on one class: nothing is in doubt, and none tells anything that others do not.
TEST(TokenEntropyReference, OneClassTakesAll) {
  for (const double least : {-kUnbounded, -1e308, -1e4}) {
    const ImageScores s = ScoreImage({{least, 2.0, least}, {least, -3.0, least}});
    for (const int t : {0, 1}) {
      EXPECT_EQ(s.entropy[t], 0.0) << least;
      EXPECT_EQ(s.information[t], 0.0) << least;
    }
    EXPECT_EQ(s.image, 0.0) << least;
  }
}

TEST(TokenEntropyReference, OneHotRowsOnDifferentClassesTellEverything) {
  const ImageScores s = ScoreImage({{1e308, -1e308}, {-1e308, 1e308}});
  EXPECT_EQ(s.entropy, (std::vector<double>{0.0, 0.0}));
  EXPECT_EQ(s.information, (std::vector<double>{1.0, 1.0}));
  EXPECT_EQ(s.image, 1.0);
}

TEST(TokenEntropyReference, TheLargestFiniteLogitsAreEvenIfTheyAreEqual) {
  for (const double logit : {1e308, -1e308, 5e-324}) {
    const ImageScores s = ScoreImage({{logit, logit, logit}});
    EXPECT_NEAR(s.entropy[0], 1.0, kRounding) << logit;
    EXPECT_LE(s.entropy[0], 1.0) << logit;
  }
}

TEST(TokenEntropyReference, WhatIsNoDistributionIsNoScoreAndSpoilsItsImageOnly) {
  const std::vector<std::vector<double>> bad = {
      {kUnknown, 0.0}, {0.0, kUnknown}, {kUnbounded, 0.0}, {-kUnbounded, -kUnbounded}};
  for (const std::vector<double>& row : bad) {
    // Two images of two tokens.
    const std::vector<double> logits = {row[0], row[1], 0.0, 0.0, 0.0, 0.0, 0.0, -kUnbounded};
    std::vector<double> entropy(4), information(4), image(2);
    TokenEntropy({2, 2, 2}, {}, logits.data(),
                 TokenEntropyOutput<double>{entropy.data(), information.data(), image.data()});
    EXPECT_TRUE(std::isnan(entropy[0]));
    EXPECT_EQ(entropy[1], 1.0);
    EXPECT_TRUE(std::isnan(information[0]) && std::isnan(information[1]) && std::isnan(image[0]));
    EXPECT_EQ(entropy[2], 1.0);
    EXPECT_EQ(entropy[3], 0.0);
    EXPECT_NEAR(image[1], 2.0 - 0.75 * std::log2(3.0), kRounding);
  }
}

TEST(TokenEntropyReference, OpenAndSumsLookAtTheScoreThatIsCompared) {
  TokenEntropyOptions options{.threshold = 0.5};
  const std::vector<std::vector<double>> tokens = {{0.0, 0.0}, {9.0, -kUnbounded}, {kUnknown, 0.0}};
  ImageScores s = ScoreImage(tokens, options);
  EXPECT_EQ(s.open, (std::vector<uint8_t>{1, 0, 0}));
  EXPECT_EQ(s.sums.count, 3u);
  EXPECT_EQ(s.sums.sum, 1.0);  // No number counts as 0.
  EXPECT_EQ(s.sums.square_sum, 1.0);
  EXPECT_EQ(s.sums.histogram[0], 2u);
  EXPECT_EQ(s.sums.histogram[kScoreBins - 1], 1u);
  options.compared = ComparedScore::kInformation;
  // Of a one-hot and an even token only the first is above 0.3 (it has 0.415, the other half).
  options.threshold = 0.3;
  s = ScoreImage({{0.0, 0.0}, {9.0, -kUnbounded}}, options);
  EXPECT_EQ(s.open, (std::vector<uint8_t>{0, 1}));
  EXPECT_NEAR(s.sums.sum, 1.5 * std::log2(4.0 / 3.0), kRounding);
  // At the score it is closed; a threshold of 0 opens all.
  options = {.threshold = 1.0};
  EXPECT_EQ(ScoreImage(tokens, options).open, (std::vector<uint8_t>{0, 0, 0}));
  options.threshold = 0.0;
  EXPECT_EQ(ScoreImage(tokens, options).open, (std::vector<uint8_t>{1, 1, 1}));
}

}  // namespace
}  // namespace sluice::kernels
