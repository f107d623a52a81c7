#include "worker/parallel.h"

#include <ATen/Parallel.h>

#ifndef _OPENMP
#error "without OpenMP the loop runs on one thread"
#endif

namespace sluice {

void ParallelFor(int64_t begin, int64_t end, int64_t grain,
                 const std::function<void(int64_t begin, int64_t end)>& work) {
  at::parallel_for(begin, end, grain, [&work](int64_t b, int64_t e) { work(b, e); });
}

}  // namespace sluice
