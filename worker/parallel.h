#pragma once

#include <cstdint>
#include <functional>

namespace sluice {

// at::parallel_for on LibTorch's threads: `work` gets parts of [begin, end) of at least `grain`
// each, on the calling thread alone inside of another such loop. at::parallel_for itself is a
// template that runs on one thread wherever it is compiled without OpenMP, as all other files are.
void ParallelFor(int64_t begin, int64_t end, int64_t grain,
                 const std::function<void(int64_t begin, int64_t end)>& work);

}  // namespace sluice
