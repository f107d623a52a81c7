#include "worker/memory/memory_meter.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <atomic>
#include <mutex>
#include <unordered_map>

#include "common/status.h"

namespace sluice::memory {

struct MemoryMeter::Counts {
  std::atomic<int64_t> held{0};
  std::atomic<int64_t> peak{0};

  void Add(int64_t bytes) {
    const int64_t now = held.fetch_add(bytes) + bytes;
    int64_t most = peak.load();
    while (now > most && !peak.compare_exchange_weak(most, now)) {
    }
  }
};

namespace {

// The meter of this thread.
thread_local std::shared_ptr<MemoryMeter::Counts> counting;

// Stands in front of LibTorch's own allocator from the first meter on, for good: tensors outlive
// meters. Its blocks' data and context are one pointer, as LibTorch asks of an allocator that is
// used for raw pointers; what belongs to a metered block stands in a map.
class CountingAllocator final : public c10::Allocator {
 public:
  static void Install() {
    static std::once_flag once;
    std::call_once(once, [] {
      c10::Allocator* const base = c10::GetAllocator(c10::DeviceType::CPU);
      instance = new CountingAllocator(base);
      c10::SetAllocator(c10::DeviceType::CPU, instance, /*priority=*/100);
    });
  }

  c10::DataPtr allocate(size_t bytes) override {
    c10::DataPtr block = base_->allocate(bytes);
    void* const data = block.get();
    if (counting == nullptr || data == nullptr) return block;
    SLUICE_CHECK(block.get_context() == data);
    counting->Add(static_cast<int64_t>(bytes));
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      blocks_[data] = {static_cast<int64_t>(bytes), block.get_deleter(), counting};
    }
    block.release_context();
    return {data, data, &Free, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &Free; }
  void copy_data(void* to, const void* from, std::size_t count) const override {
    base_->copy_data(to, from, count);
  }

 private:
  struct Block {
    int64_t bytes = 0;
    c10::DeleterFnPtr free = nullptr;
    std::shared_ptr<MemoryMeter::Counts> counts;
  };
  explicit CountingAllocator(c10::Allocator* base) : base_(base) {}

  static void Free(void* data) {
    std::unique_lock<std::mutex> lock(instance->mutex_);
    const auto it = instance->blocks_.find(data);
    if (it == instance->blocks_.end()) {  // A raw pointer of nobody's meter.
      lock.unlock();
      return instance->base_->raw_deleter()(data);
    }
    const Block block = it->second;
    instance->blocks_.erase(it);
    lock.unlock();
    block.counts->held.fetch_sub(block.bytes);
    block.free(data);
  }

  static CountingAllocator* instance;
  c10::Allocator* base_;
  std::mutex mutex_;
  std::unordered_map<void*, Block> blocks_;
};

CountingAllocator* CountingAllocator::instance = nullptr;

}  // namespace

MemoryMeter::MemoryMeter() : counts_(std::make_shared<Counts>()) {
  CountingAllocator::Install();
  SLUICE_CHECK(counting == nullptr);
  counting = counts_;
}

MemoryMeter::~MemoryMeter() { counting.reset(); }

int64_t MemoryMeter::held() const { return counts_->held.load(); }
int64_t MemoryMeter::peak() const { return counts_->peak.load(); }

}  // namespace sluice::memory
