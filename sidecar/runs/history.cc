#include "sidecar/runs/history.h"

#include <algorithm>

#include "sidecar/wire/run_state.h"

namespace sluice::sidecar {
namespace {

constexpr uint32_t kDefaultWindows = 1000;

}  // namespace

void HistoryToProto(const RunView& run, const v1::GetHistoryRequest& request,
                    v1::GetHistoryResponse* response) {
  const uint64_t last = request.last_step() == 0 ? UINT64_MAX : request.last_step();
  const size_t limit = request.limit() == 0 ? kDefaultWindows : request.limit();
  History chosen;
  for (const auto& window : *run.history) {
    if (window->last_step >= request.first_step() && window->first_step <= last) {
      chosen.push_back(window);
    }
  }
  const size_t skip = chosen.size() - std::min(chosen.size(), limit);
  for (size_t i = skip; i < chosen.size(); ++i) WindowToProto(*chosen[i], response->add_windows());
}

}  // namespace sluice::sidecar
