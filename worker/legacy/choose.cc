#include "worker/legacy/choose.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "common/philox.h"
#include "common/status.h"

namespace sluice::legacy {
namespace {

std::vector<int64_t> AllOf(int64_t size) {
  std::vector<int64_t> all(static_cast<size_t>(size));
  std::iota(all.begin(), all.end(), int64_t{0});
  return all;
}

// Rows of unit length, [size, D].
std::vector<double> Normalised(std::span<const float> features, size_t width) {
  std::vector<double> rows(features.begin(), features.end());
  for (size_t begin = 0; begin < rows.size(); begin += width) {
    double square = 0.0;
    for (size_t d = 0; d < width; ++d) square += rows[begin + d] * rows[begin + d];
    const double scale = square > 0.0 ? 1.0 / std::sqrt(square) : 0.0;
    for (size_t d = 0; d < width; ++d) rows[begin + d] *= scale;
  }
  return rows;
}

// The order in which herding takes the rows of one class.
std::vector<int64_t> HerdingOrder(const std::vector<double>& rows, size_t width,
                                  const std::vector<int64_t>& members, size_t count) {
  std::vector<double> mean(width, 0.0), sum(width, 0.0);
  for (const int64_t member : members) {
    for (size_t d = 0; d < width; ++d)
      mean[d] += rows[member * width + d] / static_cast<double>(members.size());
  }
  std::vector<int64_t> order;
  std::vector<bool> taken(members.size(), false);
  while (order.size() < count) {
    size_t best = 0;
    double least = std::numeric_limits<double>::infinity();
    const double scale = 1.0 / static_cast<double>(order.size() + 1);
    for (size_t m = 0; m < members.size(); ++m) {
      if (taken[m]) continue;
      double distance = 0.0;
      for (size_t d = 0; d < width; ++d) {
        const double gap = mean[d] - scale * (sum[d] + rows[members[m] * width + d]);
        distance += gap * gap;
      }
      if (distance < least) {
        least = distance;
        best = m;
      }
    }
    taken[best] = true;
    order.push_back(members[best]);
    for (size_t d = 0; d < width; ++d) sum[d] += rows[members[best] * width + d];
  }
  return order;
}

// How many of each class: equal shares, and what a small class leaves goes to the others.
std::map<int64_t, size_t> Shares(const std::map<int64_t, std::vector<int64_t>>& classes,
                                 size_t count) {
  std::map<int64_t, size_t> shares;
  size_t given = 0;
  while (given < count) {
    for (const auto& [label, members] : classes) {
      if (given == count) break;
      if (shares[label] >= members.size()) continue;
      ++shares[label];
      ++given;
    }
  }
  return shares;
}

}  // namespace

std::vector<int64_t> ChooseReservoir(int64_t size, int64_t count, uint64_t seed) {
  if (count >= size) return AllOf(size);
  std::vector<int64_t> held = AllOf(count);
  for (int64_t i = count; i < size; ++i) {
    const auto place = static_cast<int64_t>(
        static_cast<double>(i + 1) *
        UniformDraw(seed, DrawPurpose::kReservoir, static_cast<uint64_t>(i), 0, 0));
    if (place < count) held[place] = i;
  }
  std::sort(held.begin(), held.end());
  return held;
}

std::vector<int64_t> ChooseHerding(std::span<const float> features, std::span<const int64_t> labels,
                                   int64_t count) {
  const auto size = static_cast<int64_t>(labels.size());
  if (count >= size) return AllOf(size);
  SLUICE_CHECK(features.size() % labels.size() == 0);
  const size_t width = features.size() / labels.size();
  const std::vector<double> rows = Normalised(features, width);
  std::map<int64_t, std::vector<int64_t>> classes;
  for (int64_t i = 0; i < size; ++i) classes[labels[i]].push_back(i);
  std::vector<int64_t> chosen;
  for (const auto& [label, share] : Shares(classes, static_cast<size_t>(count))) {
    const std::vector<int64_t> order = HerdingOrder(rows, width, classes[label], share);
    chosen.insert(chosen.end(), order.begin(), order.end());
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace sluice::legacy
