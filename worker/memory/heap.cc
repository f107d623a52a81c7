#include "worker/memory/heap.h"

#include <malloc.h>

#include <limits>

namespace sluice::memory {

void KeepFreedMemory() {
  // No block of its own mapping, which would be given back when it is freed.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  // The heap grows by this much at least.
  mallopt(M_TOP_PAD, 64 << 20);
}

}  // namespace sluice::memory
