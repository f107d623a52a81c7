#include "worker/memory/heap.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <cstring>
#include <vector>

namespace sluice::memory {
namespace {

constexpr size_t kBytes = size_t{48} << 20;  // More than glibc ever keeps by itself.
constexpr size_t kPages = kBytes / 4096;

int64_t PageFaults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

// Page faults of the second of two blocks of the same size, each written to and freed.
int64_t FaultsOfTheSecondBlock() {
  int64_t before = 0;
  for (int i = 0; i < 2; ++i) {
    before = PageFaults();
    void* block = std::malloc(kBytes);
    std::memset(block, i + 1, kBytes);
    // The compiler may not leave the block out.
    asm volatile("" : : "r"(block) : "memory");
    std::free(block);
  }
  return PageFaults() - before;
}

TEST(HeapTest, WhatIsFreedIsAllocatedAgainWithoutNewPages) {
  // Huge pages of the system, where they are on, make one fault of many.
  EXPECT_GE(FaultsOfTheSecondBlock(), static_cast<int64_t>(kPages / 512));
  KeepFreedMemory();
  EXPECT_LT(FaultsOfTheSecondBlock(), static_cast<int64_t>(kPages / 1024));
}

}  // namespace
}  // namespace sluice::memory
