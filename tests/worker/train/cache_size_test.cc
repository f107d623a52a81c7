#include "worker/train/cache_size.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "tests/common/temporary_folder.h"

namespace sluice::train {
namespace {

TEST(CacheSize, TheLargestOfTheProcessorsCachesIsTheLast) {
  const TemporaryFolder folder;
  folder.Write("index0/size", "32K");
  folder.Write("index3/size", "32768K");
  folder.Write("index2/size", "1M");
  EXPECT_EQ(LastLevelCacheBytes(folder.path()), 32 << 20);
  folder.Write("index4/size", "64M");
  EXPECT_EQ(LastLevelCacheBytes(folder.path()), 64 << 20);
}

TEST(CacheSize, WhatIsNoSizeIsLeftToTheLibrary) {
  const TemporaryFolder folder;
  for (const std::string size : {"", "many", "-3K", "7X"}) {
    folder.Write("index3/size", size);
    EXPECT_EQ(LastLevelCacheBytes(folder.path()),
              std::max<int64_t>(0, sysconf(_SC_LEVEL3_CACHE_SIZE)));
  }
}

TEST(CacheSizeHere, IsLessThanTheMemory) {
  const int64_t memory = sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGE_SIZE);
  EXPECT_GE(LastLevelCacheBytes(), 0);
  EXPECT_LT(LastLevelCacheBytes(), memory / 8);
}

}  // namespace
}  // namespace sluice::train
