#include "worker/train/determinism.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <thread>

namespace sluice::train {

void SetUpLibTorch(const config::TrainConfig& config, const launch::RankEnvironment& env) {
  const auto processors = static_cast<int64_t>(std::max(1u, std::thread::hardware_concurrency()));
  const int64_t ranks_here = std::max<int64_t>(1, std::min<int64_t>(env.world_size, config.nproc));
  const int64_t threads = config.train.threads > 0 ? config.train.threads
                                                   : std::max<int64_t>(1, processors / ranks_here);
  at::set_num_threads(static_cast<int>(threads));
  model::SetGemm(config::ResolveGemm(config.compute));
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
  at::globalContext().setDeterministicFillUninitializedMemory(false);
}

}  // namespace sluice::train
