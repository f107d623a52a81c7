#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <source_location>
#include <type_traits>

namespace sluice::kernels {

// Which lane (and block, and warp) goes first wherever the hardware leaves the order open.
enum class LaneOrder { kFirstLaneFirst, kLastLaneFirst };
inline constexpr LaneOrder kBothOrders[] = {LaneOrder::kFirstLaneFirst, LaneOrder::kLastLaneFirst};

// A value on its way through a shuffle.
struct Shuffled {
  unsigned char bytes[8] = {};
  size_t size = 0;
};

// The block that a kernel body of kernels/cuda/ sees on the host: each lane is a fiber, which runs
// by itself until it comes to a barrier or a shuffle. A warp goes as far as it can before the next
// one starts, so that a missing barrier shows as a wrong result in at least one order. What the
// hardware leaves undefined ends the program with a message that says who waits where:
// - a barrier that some lanes never reach, or that lanes reach at different lines;
// - a shuffle that is not reached by all 32 lanes of its warp alike.
// One thread; bodies own nothing that would need a destructor when a check fails.
class HostBlock {
 public:
  using Where = std::source_location;

  void Sync(Where where = Where::current()) { Barrier(where); }

  template <typename T>
  T ShuffleDown(T value, int by, Where where = Where::current()) {
    return Shuffle(value, "ShuffleDown", by, where);
  }
  template <typename T>
  T ShuffleXor(T value, int mask, Where where = Where::current()) {
    return Shuffle(value, "ShuffleXor", mask, where);
  }
  // Lanes take turns, so that adding is atomic already.
  template <typename T>
  void AtomicAdd(T* to, T value) {
    *to += value;
  }

  int thread = 0, threads = 0;
  int block = 0, blocks = 0;

 private:
  template <typename T>
  T Shuffle(T value, const char* name, int argument, Where where) {
    static_assert(std::is_trivially_copyable_v<T> && (sizeof(T) == 4 || sizeof(T) == 8));
    Shuffled moved;
    moved.size = sizeof(T);
    std::memcpy(moved.bytes, &value, sizeof(T));
    Exchange(&moved, name, argument, where);
    std::memcpy(&value, moved.bytes, sizeof(T));
    return value;
  }
  void Barrier(Where where);
  void Exchange(Shuffled* value, const char* name, int argument, Where where);
};

// Runs `body` on every lane of one block.
void RunBlock(int block, int blocks, int threads, LaneOrder order,
              const std::function<void(HostBlock&)>& body);

// Runs a grid, block by block. `body(block, shared)` gets one `Shared` for each block, filled with
// a pattern that is no sensible value, as shared memory holds what others left there.
template <typename Shared, typename Body>
void RunGrid(int blocks, int threads, LaneOrder order, const Body& body) {
  static_assert(std::is_trivially_copyable_v<Shared>);
  const bool forward = order == LaneOrder::kFirstLaneFirst;
  for (int i = 0; i < blocks; ++i) {
    Shared shared;
    // Read as numbers: NaN and -1, or something very large.
    std::memset(static_cast<void*>(&shared), forward ? 0xff : 0x7f, sizeof(shared));
    RunBlock(forward ? i : blocks - 1 - i, blocks, threads, order,
             [&](HostBlock& block) { body(block, shared); });
  }
}

}  // namespace sluice::kernels
