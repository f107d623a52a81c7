#pragma once

#include <cstdint>

namespace sluice::kernels {

// Coefficients of one AdamW update (Loshchilov and Hutter, "Decoupled weight decay regularization",
// ICLR 2019):
//   g = grad_scale * grad
//   m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g^2
//   p = p - lr * weight_decay * p - update_scale * lr * (m / correction1) / (sqrt(v / correction2)
//   + epsilon)
struct AdamWCoefficients {
  double lr = 0.0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;
  double correction1 = 1.0;  // 1 - beta1^t
  double correction2 = 1.0;  // 1 - beta2^t
  double grad_scale = 1.0;
  double update_scale = 1.0;
};

// A strided matrix of `rows` runs of `columns` contiguous values; run r starts at element r *
// stride.
struct RowRange {
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t stride = 0;
};

// Updates parameter, first and second moment in place from the gradient; all four share the layout.
// Float32 runs with the widest vectors of the processor (chosen at run time); results depend on the
// processor's kind only through fused multiply-add. Thread-safe on disjoint data.
void AdamW(const AdamWCoefficients& c, const RowRange& range, float* p, const float* g, float* m,
           float* v);

// The same in plain loops: float64, and the reference of the float32 test.
void AdamW(const AdamWCoefficients& c, const RowRange& range, double* p, const double* g, double* m,
           double* v);

}  // namespace sluice::kernels
