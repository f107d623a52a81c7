#pragma once

#include <cstdint>
#include <memory>

namespace sluice::memory {

// Counts the bytes of tensors on the CPU that this thread makes while it lives; where they end does
// not matter. One at a time on each thread; for that thread only.
class MemoryMeter {
 public:
  MemoryMeter();
  ~MemoryMeter();
  MemoryMeter(const MemoryMeter&) = delete;
  MemoryMeter& operator=(const MemoryMeter&) = delete;

  // Bytes that are held now of what was made since the start, and the most there were.
  int64_t held() const;
  int64_t peak() const;

  struct Counts;

 private:
  std::shared_ptr<Counts> counts_;
};

}  // namespace sluice::memory
