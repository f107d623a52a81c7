#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/token_entropy.h"

namespace sluice::kernels {
namespace {

// Of one image: p [tokens, classes].
std::vector<double> Probabilities(const TokenEntropyShape& shape, double inverse_temperature,
                                  const double* logits) {
  std::vector<double> p(shape.tokens * shape.classes);
  for (int64_t t = 0; t < shape.tokens; ++t) {
    const double* row = logits + t * shape.classes;
    const double most = *std::max_element(row, row + shape.classes);
    double total = 0.0;
    for (int64_t k = 0; k < shape.classes; ++k) {
      const double e = std::exp(inverse_temperature * (row[k] - most));
      p[t * shape.classes + k] = e;
      total += e;
    }
    for (int64_t k = 0; k < shape.classes; ++k) p[t * shape.classes + k] /= total;
  }
  return p;
}

std::vector<double> Mean(const TokenEntropyShape& shape, const std::vector<double>& p) {
  std::vector<double> mean(shape.classes);
  for (size_t i = 0; i < p.size(); ++i) mean[i % shape.classes] += p[i];
  for (double& m : mean) m /= static_cast<double>(shape.tokens);
  return mean;
}

double Entropy(const double* p, int64_t classes) {
  double entropy = 0.0;
  for (int64_t k = 0; k < classes; ++k) entropy -= p[k] == 0.0 ? 0.0 : p[k] * std::log(p[k]);
  return entropy;
}

// The mean's floor is that of worker/gate/score.cc: a class that no token believes in.
double Divergence(const double* p, const std::vector<double>& mean) {
  double sum = 0.0;
  for (size_t k = 0; k < mean.size(); ++k) {
    const double log_mean = std::log(mean[k] < 1e-30 ? 1e-30 : mean[k]);
    sum += p[k] == 0.0 ? 0.0 : p[k] * (std::log(p[k]) - log_mean);
  }
  return sum;
}

double Normalised(double nats, int64_t classes) {
  return std::clamp(nats / std::log(static_cast<double>(classes)), 0.0, 1.0);
}

}  // namespace

void TokenEntropy(const TokenEntropyShape& shape, const TokenEntropyOptions& options,
                  const double* logits, const TokenEntropyOutput<double>& output) {
  for (int64_t i = 0; i < shape.images; ++i) {
    const double* image = logits + i * shape.tokens * shape.classes;
    const std::vector<double> p = Probabilities(shape, options.inverse_temperature, image);
    const std::vector<double> mean = Mean(shape, p);
    if (output.image_entropy != nullptr)
      output.image_entropy[i] = Normalised(Entropy(mean.data(), shape.classes), shape.classes);
    for (int64_t t = 0; t < shape.tokens; ++t) {
      const double* row = p.data() + t * shape.classes;
      const double entropy = Normalised(Entropy(row, shape.classes), shape.classes);
      const double information = Normalised(Divergence(row, mean), shape.classes);
      const int64_t at = i * shape.tokens + t;
      if (output.entropy != nullptr) output.entropy[at] = entropy;
      if (output.information != nullptr) output.information[at] = information;
      const double score = options.compared == ComparedScore::kEntropy ? entropy : information;
      // NaN is above no threshold.
      if (output.open != nullptr)
        output.open[at] = options.threshold <= 0.0 || score > options.threshold ? 1 : 0;
      if (output.sums != nullptr) output.sums->Add(score);
    }
  }
}

void ScoreSums::Add(double score) {
  const double counted = std::isnan(score) ? 0.0 : score;
  ++count;
  sum += counted;
  square_sum += counted * counted;
  ++histogram[ScoreBin(counted)];
}

}  // namespace sluice::kernels
