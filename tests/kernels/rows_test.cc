#include "kernels/rows.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/kernels/rows_cases.h"

namespace sluice::kernels {
namespace {

void Scatter(const float* grad, const int64_t* index, int64_t count, int64_t rows, int64_t columns,
             float* out) {
  std::vector<int64_t> inverse(static_cast<size_t>(rows));
  RowInverse(index, count, rows, inverse.data());
  RowScatter(grad, count, columns, inverse.data(), 0, rows, out);
}

// By hand: rows 2 and 0 of three.
TEST(Rows, TheReferenceMovesRows) {
  const std::vector<float> x = {1, 2, 3, 4, 5, 6};
  const std::vector<int64_t> index = {2, 0};
  std::vector<float> rows(4), back(6, -1.0f);
  RowCompactReference(x.data(), 2, index.data(), 2, rows.data());
  EXPECT_EQ(rows, (std::vector<float>{5, 6, 1, 2}));
  RowScatterReference(rows.data(), index.data(), 2, 3, 2, back.data());
  EXPECT_EQ(back, (std::vector<float>{1, 2, 0, 0, 5, 6}));
}

TEST(Rows, FollowsTheReference) { RunRowsCases({RowCompact, Scatter}); }

TEST(Rows, TheInverseNamesEveryRow) {
  const std::vector<int64_t> index = {4, 0, 3};
  std::vector<int64_t> inverse(5);
  RowInverse(index.data(), 3, 5, inverse.data());
  EXPECT_EQ(inverse, (std::vector<int64_t>{1, -1, -1, 2, 0}));
}

TEST(Rows, ThreadsShareAMatrix) {
  const RowsProblem p = DrawRows(3, 64, 33, 40);
  std::vector<float> compact(p.grad.size()), scatter(p.x.size(), -1.0f);
  std::vector<int64_t> inverse(64);
  RowInverse(p.index.data(), 40, 64, inverse.data());
  std::vector<std::thread> threads;
  for (int64_t part = 0; part < 4; ++part) {
    threads.emplace_back([&, part] {
      RowCompact(p.x.data(), 64, 33, p.index.data() + part * 10, 10, compact.data() + part * 330);
      RowScatter(p.grad.data(), 40, 33, inverse.data(), part * 16, part * 16 + 16, scatter.data());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<float> expected(p.grad.size());
  RowCompactReference(p.x.data(), 33, p.index.data(), 40, expected.data());
  EXPECT_EQ(compact, expected);
  expected.resize(p.x.size());
  RowScatterReference(p.grad.data(), p.index.data(), 40, 64, 33, expected.data());
  EXPECT_EQ(scatter, expected);
}

TEST(RowsDeathTest, AnIndexThatNamesNoRowOrOneTwiceEndsTheProgram) {
  std::vector<float> x(6), out(6);
  std::vector<int64_t> inverse(3);
  for (const int64_t bad : {-1, 3}) {
    EXPECT_DEATH(RowCompact(x.data(), 3, 2, &bad, 1, out.data()), "index");
    EXPECT_DEATH(RowInverse(&bad, 1, 3, inverse.data()), "index");
  }
  const std::vector<int64_t> twice = {1, 1};
  EXPECT_DEATH(RowInverse(twice.data(), 2, 3, inverse.data()), "index");
  inverse = {0, 2, -1};
  EXPECT_DEATH(RowScatter(x.data(), 2, 2, inverse.data(), 0, 3, out.data()), "inverse");
}

}  // namespace
}  // namespace sluice::kernels
