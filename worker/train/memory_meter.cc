#include "worker/train/memory_meter.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "common/status.h"

namespace sluice::train {
namespace {

// Blocks of all meters. They may outlive theirs, so this is never destroyed.
class Blocks {
 public:
  static Blocks& Get() {
    static auto* const blocks = new Blocks;
    return *blocks;
  }

  void Start(c10::DeleterFnPtr unknown) {
    const std::lock_guard<std::mutex> lock(mutex_);
    unknown_ = unknown;
    ++meter_;
    held_ = peak_ = 0;
  }
  void Add(void* data, int64_t bytes, c10::DeleterFnPtr free) {
    const std::lock_guard<std::mutex> lock(mutex_);
    blocks_[data] = {bytes, free, meter_};
    held_ += bytes;
    peak_ = std::max(peak_, held_);
  }
  static void Free(void* data) { Get().Remove(data); }
  int64_t held() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return held_;
  }
  int64_t peak() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return peak_;
  }

 private:
  struct Block {
    int64_t bytes = 0;
    c10::DeleterFnPtr free = nullptr;
    int64_t meter = 0;
  };
  void Remove(void* data) {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto it = blocks_.find(data);
    if (it == blocks_.end()) {  // Made before any meter, as a raw pointer.
      lock.unlock();
      return unknown_(data);
    }
    const Block block = it->second;
    blocks_.erase(it);
    if (block.meter == meter_) held_ -= block.bytes;
    lock.unlock();
    block.free(data);
  }

  mutable std::mutex mutex_;
  std::unordered_map<void*, Block> blocks_;
  c10::DeleterFnPtr unknown_ = nullptr;
  int64_t meter_ = 0;
  int64_t held_ = 0;
  int64_t peak_ = 0;
};

}  // namespace

// In front of LibTorch's own allocator, whose data and context are one pointer: LibTorch asks that
// of an allocator that is used for raw pointers.
class MemoryMeter::Allocator final : public c10::Allocator {
 public:
  explicit Allocator(c10::Allocator* base) : base_(base) {}

  c10::DataPtr allocate(size_t bytes) override {
    c10::DataPtr block = base_->allocate(bytes);
    void* const data = block.get();
    if (data == nullptr) return block;
    SLUICE_CHECK(block.get_context() == data);
    Blocks::Get().Add(data, static_cast<int64_t>(bytes), block.get_deleter());
    block.release_context();
    return {data, data, &Blocks::Free, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &Blocks::Free; }
  void copy_data(void* to, const void* from, std::size_t count) const override {
    base_->copy_data(to, from, count);
  }
  c10::Allocator* base() const { return base_; }

 private:
  c10::Allocator* base_;
};

MemoryMeter::MemoryMeter()
    : allocator_(std::make_unique<Allocator>(c10::GetAllocator(c10::DeviceType::CPU))) {
  Blocks::Get().Start(allocator_->base()->raw_deleter());
  c10::SetAllocator(c10::DeviceType::CPU, allocator_.get(), /*priority=*/100);
}

MemoryMeter::~MemoryMeter() {
  c10::SetAllocator(c10::DeviceType::CPU, allocator_->base(), /*priority=*/100);
}

int64_t MemoryMeter::held() const { return Blocks::Get().held(); }
int64_t MemoryMeter::peak() const { return Blocks::Get().peak(); }

}  // namespace sluice::train
