#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/attention.h"

namespace sluice::kernels {
namespace {

double Dot(int64_t count, const double* a, const double* b) {
  double sum = 0.0;
  for (int64_t c = 0; c < count; ++c) sum += a[c] * b[c];
  return sum;
}

// The scaled products of query t with all keys.
std::vector<double> Scores(const AttentionHead<double>& head, int64_t t) {
  std::vector<double> scores(head.keys);
  for (int64_t s = 0; s < head.keys; ++s) {
    scores[s] = Dot(head.head_dim, head.q + t * head.q_stride, head.k + s * head.kv_stride) /
                std::sqrt(static_cast<double>(head.head_dim));
  }
  return scores;
}

// `to` += factor * `from`.
void AddRow(int64_t count, double factor, const double* from, double* to) {
  for (int64_t c = 0; c < count; ++c) to[c] += factor * from[c];
}

}  // namespace

void AttentionForward(const AttentionHead<double>& head, const AttentionResult<double>& result) {
  for (int64_t t = 0; t < head.queries; ++t) {
    const std::vector<double> scores = Scores(head, t);
    const double most = *std::max_element(scores.begin(), scores.end());
    double total = 0.0;
    for (const double score : scores) total += std::exp(score - most);
    result.logsumexp[t] = most + std::log(total);
    double* const out = result.out + t * result.out_stride;
    std::fill_n(out, head.head_dim, 0.0);
    for (int64_t s = 0; s < head.keys; ++s) {
      AddRow(head.head_dim, std::exp(scores[s] - result.logsumexp[t]), head.v + s * head.kv_stride,
             out);
    }
  }
}

void AttentionBackward(const AttentionHead<double>& head,
                       const AttentionResult<const double>& result,
                       const AttentionGradient<double>& gradient) {
  const int64_t width = head.head_dim;
  const double scale = 1.0 / std::sqrt(static_cast<double>(width));
  for (int64_t s = 0; s < head.keys; ++s) {
    std::fill_n(gradient.k + s * gradient.kv_stride, width, 0.0);
    std::fill_n(gradient.v + s * gradient.kv_stride, width, 0.0);
  }
  for (int64_t t = 0; t < head.queries; ++t) {
    const std::vector<double> scores = Scores(head, t);
    const double* const out_gradient = gradient.out + t * gradient.out_stride;
    const double mean = Dot(width, out_gradient, result.out + t * result.out_stride);
    double* const q_gradient = gradient.q + t * gradient.q_stride;
    std::fill_n(q_gradient, width, 0.0);
    for (int64_t s = 0; s < head.keys; ++s) {
      const double p = std::exp(scores[s] - result.logsumexp[t]);
      const double dp = Dot(width, out_gradient, head.v + s * head.kv_stride);
      const double ds = p * (dp - mean) * scale;
      AddRow(width, ds, head.k + s * head.kv_stride, q_gradient);
      AddRow(width, ds, head.q + t * head.q_stride, gradient.k + s * gradient.kv_stride);
      AddRow(width, p, out_gradient, gradient.v + s * gradient.kv_stride);
    }
  }
}

}  // namespace sluice::kernels
