#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <optional>
#include <thread>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <vector>

#include "worker/dist/process_group.h"
#include "worker/torch.h"

namespace sluice::dist::testing {

// Runs `body` on `size` ranks that are threads of this process. Every group lives until all ranks
// have ended, so that no rank sees a connection close early. `second`: as in GroupOptions.
inline void RunRanks(int size, const std::function<void(Group&)>& body,
                     double timeout_seconds = 30.0, bool second = false) {
  // c10d's flight recorder is one per process and its bookkeeping is not made for ranks that are
  // threads.
  ::setenv("TORCH_FR_BUFFER_SIZE", "0", /*replace=*/1);
  const auto store = c10::make_intrusive<c10d::HashStore>();
  std::vector<std::optional<Group>> groups(size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      at::set_num_threads(1);
      GroupOptions options;
      options.rank = rank;
      options.size = size;
      options.timeout_seconds = timeout_seconds;
      options.second = second;
      absl::StatusOr<Group> group = Group::JoinOver(store, options);
      ASSERT_TRUE(group.ok()) << group.status();
      groups[rank].emplace(*std::move(group));
      body(*groups[rank]);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace sluice::dist::testing
