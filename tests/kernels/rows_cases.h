#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace sluice::kernels {

// One implementation of what kernels/rows.h names; all of them run the same cases.
struct RowsImplementation {
  // x [rows, columns], index [count] -> out [count, columns].
  std::function<void(const float* x, int64_t rows, int64_t columns, const int64_t* index,
                     int64_t count, float* out)>
      compact;
  // grad [count, columns], index [count] -> out [rows, columns], the inverse included.
  std::function<void(const float* grad, const int64_t* index, int64_t count, int64_t rows,
                     int64_t columns, float* out)>
      scatter;
};

// A matrix, some of its rows in an order of their own, and a gradient of those.
struct RowsProblem {
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<int64_t> index;
  std::vector<float> x, grad;
};

// `count` of `rows` rows, drawn without replacement; every value of x and grad is another one.
RowsProblem DrawRows(uint32_t seed, int64_t rows, int64_t columns, int64_t count);

// Expects of `p` what the references give, to the bit, and that nothing beside it is written.
void ExpectRowsLikeReference(const RowsImplementation& implementation, const RowsProblem& p);

// None, one, some and all rows; narrow, odd and wide ones; special values.
void RunRowsCases(const RowsImplementation& implementation);

}  // namespace sluice::kernels
