#include "tests/kernels/rows_cases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>

#include "kernels/rows.h"

namespace sluice::kernels {
namespace {

constexpr size_t kMargin = 64;
constexpr float kUntouched = -7.5f;

// Bytes, because NaN equals nothing and -0 equals 0.
void ExpectSame(const std::vector<float>& got, const std::vector<float>& expected,
                const RowsProblem& p, const char* what) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(std::memcmp(&got[i], &expected[i], sizeof(float)), 0)
        << what << "[" << i << "] is " << got[i] << ", not " << expected[i] << "; "
        << p.index.size() << " of " << p.rows << " rows of " << p.columns;
  }
}

std::vector<float> Untouched(size_t size) {
  return std::vector<float>(size + 2 * kMargin, kUntouched);
}

}  // namespace

RowsProblem DrawRows(uint32_t seed, int64_t rows, int64_t columns, int64_t count) {
  RowsProblem p{rows, columns, std::vector<int64_t>(static_cast<size_t>(rows)), {}, {}};
  std::iota(p.index.begin(), p.index.end(), 0);
  std::shuffle(p.index.begin(), p.index.end(), std::mt19937(seed));
  p.index.resize(static_cast<size_t>(count));
  p.x.resize(static_cast<size_t>(rows * columns));
  std::iota(p.x.begin(), p.x.end(), 1.0f);
  p.grad.resize(static_cast<size_t>(count * columns));
  std::iota(p.grad.begin(), p.grad.end(), 0.5f);
  return p;
}

void ExpectRowsLikeReference(const RowsImplementation& implementation, const RowsProblem& p) {
  const auto count = static_cast<int64_t>(p.index.size());
  std::vector<float> got = Untouched(p.grad.size()), expected = got;
  implementation.compact(p.x.data(), p.rows, p.columns, p.index.data(), count,
                         got.data() + kMargin);
  RowCompactReference(p.x.data(), p.columns, p.index.data(), count, expected.data() + kMargin);
  ExpectSame(got, expected, p, "compact");
  got = expected = Untouched(p.x.size());
  implementation.scatter(p.grad.data(), p.index.data(), count, p.rows, p.columns,
                         got.data() + kMargin);
  RowScatterReference(p.grad.data(), p.index.data(), count, p.rows, p.columns,
                      expected.data() + kMargin);
  ExpectSame(got, expected, p, "scatter");
}

void RunRowsCases(const RowsImplementation& implementation) {
  for (const int64_t columns : {1, 3, 8, 31, 32, 33, 64, 192, 257, 1030}) {
    for (const auto& [rows, count] : std::vector<std::pair<int64_t, int64_t>>{
             {0, 0}, {1, 0}, {1, 1}, {2, 1}, {7, 7}, {50, 13}, {50, 0}, {50, 50}}) {
      ExpectRowsLikeReference(implementation,
                              DrawRows(static_cast<uint32_t>(rows), rows, columns, count));
    }
  }
  RowsProblem special = DrawRows(1, 6, 40, 4);
  for (std::vector<float>* values : {&special.x, &special.grad}) {
    for (size_t i = 0; i + 4 < values->size(); i += 5) {
      (*values)[i] = std::numeric_limits<float>::quiet_NaN();
      (*values)[i + 1] = -std::numeric_limits<float>::infinity();
      (*values)[i + 2] = std::numeric_limits<float>::denorm_min();
    }
  }
  ExpectRowsLikeReference(implementation, special);
}

}  // namespace sluice::kernels
