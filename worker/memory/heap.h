#pragma once

namespace sluice::memory {

// From now on the process keeps the memory that it frees, for what it allocates next. Steps free
// and allocate the same large tensors again and again; glibc gives such blocks back at once, and
// the system has to clear each of their pages anew. The process holds the most that it ever needed,
// and not less. Call it at the beginning of main.
void KeepFreedMemory();

}  // namespace sluice::memory
