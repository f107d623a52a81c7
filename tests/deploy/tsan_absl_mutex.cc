// Debian's Abseil is not built for the thread sanitizer, which then does not see that an
// absl::Mutex orders anything. The linker puts these functions in the place of those that our code
// calls (--wrap, in tests/CMakeLists.txt), and they tell the sanitizer. It does not look at what
// Abseil does meanwhile, such as evaluating another thread's condition while it unlocks.
#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/mutex.h"

// A version of Abseil with other names does not link, so that it is noticed.
#define SLUICE_REAL(name) __real__ZN4absl7debian35Mutex##name
#define SLUICE_WRAP(name) __wrap__ZN4absl7debian35Mutex##name

using absl::Condition;
using absl::Duration;
using absl::Mutex;

namespace {

void Unlocking(Mutex* mutex) {
  __tsan_mutex_pre_unlock(mutex, 0);
  __tsan_mutex_post_unlock(mutex, 0);
}

}  // namespace

extern "C" {

void SLUICE_REAL(4LockEv)(Mutex*);
void SLUICE_REAL(6UnlockEv)(Mutex*);
void SLUICE_REAL(5AwaitERKNS0_9ConditionE)(Mutex*, const Condition&);
bool SLUICE_REAL(16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE)(Mutex*, const Condition&,
                                                                     Duration);

void SLUICE_WRAP(4LockEv)(Mutex* mutex) {
  __tsan_mutex_pre_lock(mutex, 0);
  SLUICE_REAL(4LockEv)(mutex);
  __tsan_mutex_post_lock(mutex, 0, 0);
}

void SLUICE_WRAP(6UnlockEv)(Mutex* mutex) {
  __tsan_mutex_pre_unlock(mutex, 0);
  SLUICE_REAL(6UnlockEv)(mutex);
  __tsan_mutex_post_unlock(mutex, 0);
}

void SLUICE_WRAP(5AwaitERKNS0_9ConditionE)(Mutex* mutex, const Condition& condition) {
  Unlocking(mutex);
  __tsan_mutex_pre_lock(mutex, 0);
  SLUICE_REAL(5AwaitERKNS0_9ConditionE)(mutex, condition);
  __tsan_mutex_post_lock(mutex, 0, 0);
}

bool SLUICE_WRAP(16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE)(Mutex* mutex,
                                                                     const Condition& condition,
                                                                     Duration timeout) {
  Unlocking(mutex);
  __tsan_mutex_pre_lock(mutex, 0);
  const bool holds =
      SLUICE_REAL(16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE)(mutex, condition, timeout);
  __tsan_mutex_post_lock(mutex, 0, 0);
  return holds;
}

}  // extern "C"
