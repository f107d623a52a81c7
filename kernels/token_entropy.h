#pragma once

#include <cstdint>

#include "common/score_histogram.h"

namespace sluice::kernels {

// Logits [images, tokens, classes], contiguous; at least 2 classes.
struct TokenEntropyShape {
  int64_t images = 0;
  int64_t tokens = 0;
  int64_t classes = 2;
};

enum class ComparedScore { kEntropy, kInformation };

struct TokenEntropyOptions {
  double inverse_temperature = 1.0;  // Multiplies logits; finite and above 0.
  double threshold = 0.0;            // Open if score > threshold; at or under 0 all are open.
  ComparedScore compared = ComparedScore::kEntropy;  // Which score `open` and `sums` look at.
};

// Counts of compared scores, NaN as 0; bins are those of common/score_histogram.h.
struct ScoreSums {
  uint64_t count = 0;
  double sum = 0.0;
  double square_sum = 0.0;
  ScoreBins histogram{};

  void Add(double score);
};

// Where results go; null is not wanted. Scores are those of worker/gate/score.h, in [0, 1].
template <typename T>
struct TokenEntropyOutput {
  T* entropy = nullptr;        // [images, tokens]: u = H(p) / log K.
  T* information = nullptr;    // [images, tokens]: KL(p || mean p of the image) / log K.
  T* image_entropy = nullptr;  // [images]: H(mean p of the image) / log K.
  uint8_t* open = nullptr;     // [images, tokens]: 1 or 0.
  ScoreSums* sums = nullptr;   // Added to.
};

// One pass over the logits with one exponential each: H = log Z - S / Z with Z the sum of
// e = exp(x - max x) and S that of e (x - max x). What needs an image's mean keeps the image's e,
// tokens * classes floats, in scratch that the cache should hold. Runs with the widest vectors of
// the processor (chosen at run time).
//
// A class at -inf adds nothing. A row with NaN, +inf or nothing but -inf has a score of NaN, is
// closed (unless the threshold opens all), and makes NaN of its image's information and entropy. A
// token's score depends on no other token's place. Thread-safe on disjoint output: callers split
// images.
void TokenEntropy(const TokenEntropyShape& shape, const TokenEntropyOptions& options,
                  const float* logits, const TokenEntropyOutput<float>& output);

// The same in plain loops by the definitions, two passes and the logarithm of each probability: the
// reference.
void TokenEntropy(const TokenEntropyShape& shape, const TokenEntropyOptions& options,
                  const double* logits, const TokenEntropyOutput<double>& output);

}  // namespace sluice::kernels
