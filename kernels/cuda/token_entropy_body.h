#pragma once

#include <math.h>

#include <cstdint>

#include "kernels/cuda/device.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/reduce.h"

// Body of kernels/token_entropy.h, which says what it computes: one block for each image, a warp
// for each token. What needs the image's mean reads the image's logits again, which the second
// cache holds; nothing of the size of the logits is kept.
namespace sluice::kernels::cuda {

struct TokenEntropyArgs {
  TokenEntropyShape shape;
  TokenEntropyOptions options;
  const float* logits;
  TokenEntropyOutput<float> output;
  float* scratch;
  double upper_edges[kScoreBins];  // Of the histogram's bins.
};

inline TokenEntropyArgs MakeTokenEntropyArgs(const TokenEntropyShape& shape,
                                             const TokenEntropyOptions& options,
                                             const float* logits,
                                             const TokenEntropyOutput<float>& output,
                                             float* scratch) {
  TokenEntropyArgs args{shape, options, logits, output, scratch, {}};
  for (int i = 0; i < kScoreBins; ++i) args.upper_edges[i] = ScoreBinUpperEdge(i);
  return args;
}

struct TokenEntropyShared {
  WarpSlots<float> floats;
  WarpSlots<double> doubles;
  uint32_t histogram[kScoreBins];
};

// Exponents below are 0 in float32 anyway, and a product of 0 and -inf would be NaN.
SLUICE_DEVICE float ClampExponent(float x) { return x < -110.0f ? -110.0f : x; }

// NaN stays.
SLUICE_DEVICE float ClampToUnit(float x) { return x < 0.0f ? 0.0f : x > 1.0f ? 1.0f : x; }

// One image's part of inputs and scratch.
struct ImageOfTokens {
  int64_t tokens, classes;
  const float* logits;  // [tokens, classes]
  float scale;
  // With x the scaled logit less its row's largest and e = exp(x): [tokens] each.
  float *most, *z, *s;
  float* log_mean;  // [classes]

  SLUICE_DEVICE float Exponent(int64_t t, int64_t k) const {
    return ClampExponent((logits[t * classes + k] - most[t]) * scale);
  }
};

SLUICE_DEVICE ImageOfTokens ImageAt(const TokenEntropyArgs& a, int64_t image) {
  const int64_t tokens = a.shape.tokens, classes = a.shape.classes;
  float* scratch = a.scratch + image * (3 * tokens + classes);
  return {tokens,
          classes,
          a.logits + image * tokens * classes,
          static_cast<float>(a.options.inverse_temperature),
          scratch,
          scratch + tokens,
          scratch + 2 * tokens,
          scratch + 3 * tokens};
}

template <class Block>
SLUICE_DEVICE void SumTokens(Block& block, const ImageOfTokens& image) {
  const auto largest = [](float p, float q) { return fmaxf(p, q); };
  const auto sum = [](float p, float q) { return p + q; };
  const int lane = block.thread % kWarp;
  for (int64_t t = block.thread / kWarp; t < image.tokens; t += block.threads / kWarp) {
    const float* row = image.logits + t * image.classes;
    float most = -INFINITY, z = 0.0f, s = 0.0f;
    for (int64_t k = lane; k < image.classes; k += kWarp) most = fmaxf(most, row[k]);
    most = WarpReduce(block, most, largest);
    for (int64_t k = lane; k < image.classes; k += kWarp) {
      const float x = ClampExponent((row[k] - most) * image.scale), e = expf(x);
      z += e;
      s += e * x;
    }
    z = WarpReduce(block, z, sum);
    s = WarpReduce(block, s, sum);
    if (lane != 0) continue;
    image.most[t] = most;
    image.z[t] = z;
    image.s[t] = s;
  }
}

// Logarithms of the image's mean probabilities; returns the mean's entropy in nats, on all lanes.
template <class Block>
SLUICE_DEVICE float TakeLogOfMean(Block& block, TokenEntropyShared& shared,
                                  const ImageOfTokens& image) {
  float entropy = 0.0f;
  for (int64_t k = block.thread; k < image.classes; k += block.threads) {
    float p = 0.0f;
    for (int64_t t = 0; t < image.tokens; ++t) p += expf(image.Exponent(t, k)) / image.z[t];
    const float mean = p / static_cast<float>(image.tokens);
    // A class that no token believes in adds nothing to what the logarithm is multiplied with.
    const float log_mean = logf(mean < 1e-30f ? 1e-30f : mean);
    image.log_mean[k] = log_mean;
    entropy -= mean * log_mean;
  }
  return BlockReduce(block, shared.floats, entropy, [](float p, float q) { return p + q; });
}

// Of token t, on all lanes of the warp: the mean of log(mean p) under its own p, times z.
template <class Block>
SLUICE_DEVICE float CrossTerm(Block& block, const ImageOfTokens& image, int64_t t) {
  float cross = 0.0f;
  for (int64_t k = block.thread % kWarp; k < image.classes; k += kWarp) {
    cross += expf(image.Exponent(t, k)) * image.log_mean[k];
  }
  return WarpReduce(block, cross, [](float p, float q) { return p + q; });
}

SLUICE_DEVICE int BinOf(const double* upper_edges, double score) {
  int bin = 0;
  while (bin < kScoreBins - 1 && upper_edges[bin] < score) ++bin;
  return bin;
}

// What a warp's first lane has counted so far.
struct CountedScores {
  double sum = 0.0, square_sum = 0.0;
};

SLUICE_DEVICE bool WantsInformation(const TokenEntropyArgs& a) {
  const bool compares = a.output.open != nullptr || a.output.sums != nullptr;
  return a.output.information != nullptr ||
         (compares && a.options.compared == ComparedScore::kInformation);
}

// Scores, mask and counts of the token at `at` of the whole; one lane of its warp.
template <class Block>
SLUICE_DEVICE void FinishToken(Block& block, TokenEntropyShared& shared, const TokenEntropyArgs& a,
                               int64_t at, float entropy, float information,
                               CountedScores& counted) {
  if (a.output.entropy != nullptr) a.output.entropy[at] = entropy;
  if (a.output.information != nullptr) a.output.information[at] = information;
  const bool by_entropy = a.options.compared == ComparedScore::kEntropy;
  const double score = static_cast<double>(by_entropy ? entropy : information);
  if (a.output.open != nullptr) {
    // NaN is above no threshold.
    const bool open = a.options.threshold <= 0.0 || score > a.options.threshold;
    a.output.open[at] = open ? 1 : 0;
  }
  if (a.output.sums == nullptr) return;
  const double value = score > 0.0 ? score : 0.0;  // NaN counts as 0.
  counted.sum += value;
  counted.square_sum += value * value;
  block.AtomicAdd(&shared.histogram[BinOf(a.upper_edges, value)], uint32_t{1});
}

// The block's counts into the call's; the order of blocks decides the last bits of the two sums.
template <class Block>
SLUICE_DEVICE void AddCounts(Block& block, TokenEntropyShared& shared, const TokenEntropyArgs& a,
                             const CountedScores& counted) {
  const auto add = [](double p, double q) { return p + q; };
  const double sum = BlockReduce(block, shared.doubles, counted.sum, add);
  const double square_sum = BlockReduce(block, shared.doubles, counted.square_sum, add);
  // The reductions' barriers stand between the histogram's last entry and its reading.
  auto* histogram = reinterpret_cast<uint64_t*>(&a.output.sums->histogram);
  for (int i = block.thread; i < kScoreBins; i += block.threads) {
    if (shared.histogram[i] != 0) block.AtomicAdd(&histogram[i], uint64_t{shared.histogram[i]});
  }
  if (block.thread != 0) return;
  block.AtomicAdd(&a.output.sums->count, static_cast<uint64_t>(a.shape.tokens));
  block.AtomicAdd(&a.output.sums->sum, sum);
  block.AtomicAdd(&a.output.sums->square_sum, square_sum);
}

template <class Block>
SLUICE_DEVICE void TokenEntropyOfImage(Block& block, TokenEntropyShared& shared,
                                       const TokenEntropyArgs& a, int64_t i) {
  const ImageOfTokens image = ImageAt(a, i);
  const bool wants_information = WantsInformation(a);
  const float most = logf(static_cast<float>(image.classes));
  // No barrier before: a lane clears the bins that it has read itself, in AddCounts.
  for (int b = block.thread; b < kScoreBins; b += block.threads) shared.histogram[b] = 0;
  SumTokens(block, image);
  block.Sync();
  if (wants_information || a.output.image_entropy != nullptr) {
    const float entropy = TakeLogOfMean(block, shared, image);
    if (a.output.image_entropy != nullptr && block.thread == 0) {
      a.output.image_entropy[i] = ClampToUnit(entropy / most);
    }
  }
  CountedScores counted;
  for (int64_t t = block.thread / kWarp; t < image.tokens; t += block.threads / kWarp) {
    const float z = image.z[t], s = image.s[t], log_z = logf(z);
    const float cross = wants_information ? CrossTerm(block, image, t) : 0.0f;
    if (block.thread % kWarp != 0) continue;
    FinishToken(block, shared, a, i * image.tokens + t, ClampToUnit((log_z - s / z) / most),
                ClampToUnit(((s - cross) / z - log_z) / most), counted);
  }
  if (a.output.sums != nullptr) AddCounts(block, shared, a, counted);
}

template <class Block>
SLUICE_DEVICE void TokenEntropyBody(Block& block, TokenEntropyShared& shared,
                                    const TokenEntropyArgs& a) {
  for (int64_t i = block.block; i < a.shape.images; i += block.blocks) {
    TokenEntropyOfImage(block, shared, a, i);
  }
}

}  // namespace sluice::kernels::cuda
