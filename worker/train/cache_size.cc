#include "worker/train/cache_size.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace sluice::train {
namespace {

// "32768K" or "1M"; 0 if it is neither.
int64_t BytesOf(const std::string& path) {
  std::ifstream file(path);
  int64_t count = 0;
  char unit = 0;
  if (!(file >> count >> unit) || count <= 0) return 0;
  if (unit == 'K') return count * 1024;
  return unit == 'M' ? count * 1024 * 1024 : 0;
}

}  // namespace

int64_t LastLevelCacheBytes(const std::string& folder) {
  constexpr int kMostCaches = 8;
  int64_t largest = 0;
  for (int i = 0; i < kMostCaches; ++i)
    largest = std::max(largest, BytesOf(absl::StrCat(folder, "/index", i, "/size")));
  if (largest > 0) return largest;
  return std::max<int64_t>(0, sysconf(_SC_LEVEL3_CACHE_SIZE));
}

}  // namespace sluice::train
