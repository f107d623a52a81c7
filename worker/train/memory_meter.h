#pragma once

#include <cstdint>
#include <memory>

namespace sluice::train {

// Counts the bytes of tensors on the CPU that are made while it lives. One at a time, and no thread
// but this one and LibTorch's may make tensors meanwhile.
class MemoryMeter {
 public:
  MemoryMeter();
  ~MemoryMeter();
  MemoryMeter(const MemoryMeter&) = delete;
  MemoryMeter& operator=(const MemoryMeter&) = delete;

  // Bytes that are held now of what was made since the start, and the most there were.
  int64_t held() const;
  int64_t peak() const;

 private:
  class Allocator;
  std::unique_ptr<Allocator> allocator_;
};

}  // namespace sluice::train
