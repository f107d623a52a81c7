#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/attention_entropy.h"

namespace sluice::kernels {
namespace {

// Of one query to all keys of its image and head.
double RowEntropy(const AttentionShape& shape, const double* q, const double* keys) {
  std::vector<double> scores(shape.tokens);
  for (int64_t t = 0; t < shape.tokens; ++t) {
    for (int64_t c = 0; c < shape.head_dim; ++c) scores[t] += q[c] * keys[t * shape.row_stride + c];
    scores[t] /= std::sqrt(static_cast<double>(shape.head_dim));
  }
  const double most = *std::max_element(scores.begin(), scores.end());
  double total = 0.0, entropy = 0.0;
  for (double& score : scores) {
    score = std::exp(score - most);
    total += score;
  }
  for (const double weight : scores) {
    const double a = weight / total;
    entropy -= a == 0.0 ? 0.0 : a * std::log(a);
  }
  if (shape.tokens == 1) return entropy;  // 0, or NaN.
  return std::clamp(entropy / std::log(static_cast<double>(shape.tokens)), 0.0, 1.0);
}

}  // namespace

void AttentionEntropy(const AttentionShape& shape, const double* q, const double* k,
                      double* entropy) {
  for (int64_t i = 0; i < shape.images; ++i) {
    for (int64_t h = 0; h < shape.heads; ++h) {
      const int64_t at = i * shape.image_stride + h * shape.head_dim;
      for (int64_t t = shape.first_query; t < shape.tokens; ++t)
        *entropy++ = RowEntropy(shape, q + at + t * shape.row_stride, k + at);
    }
  }
}

}  // namespace sluice::kernels
