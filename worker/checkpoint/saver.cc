#include "worker/checkpoint/saver.h"

#include <chrono>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/log_line.h"
#include "common/status.h"

namespace sluice::checkpoint {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsFrom(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Saved Write(const std::string& folder, const TrainState& state, const TrainTensors& tensors,
            const Retention& keep, double copy_seconds) {
  const auto start = Clock::now();
  Saved saved;
  saved.step = state.step;
  saved.name = CheckpointName(state.step);
  saved.copy_seconds = copy_seconds;
  const std::string path = (std::filesystem::path(folder) / saved.name).string();
  saved.status = SaveCheckpoint(path, state, tensors);
  if (saved.status.ok()) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(path, error);
    saved.bytes = error ? 0 : bytes;
    // Nothing is lost by one too many.
    if (const absl::Status pruned = PruneCheckpoints(folder, keep); !pruned.ok())
      LogWarn(absl::StrCat("old checkpoints stay: ", pruned.message()));
  }
  saved.write_seconds = SecondsFrom(start);
  return saved;
}

}  // namespace

TrainTensors CopyTensors(const TrainTensors& tensors) {
  const torch::NoGradGuard no_graph;
  TrainTensors copy = tensors;
  for (model::NamedTensors* role :
       {&copy.model, &copy.adapters, &copy.gate, &copy.first_moments, &copy.second_moments}) {
    for (auto& [name, tensor] : *role)
      tensor = tensor.detach().to(torch::kCPU, tensor.scalar_type(), false, /*copy=*/true);
  }
  return copy;
}

void Saver::Start(const TrainState& state, const TrainTensors& tensors, const Retention& keep) {
  SLUICE_CHECK(!is_busy());
  if (!asynchronous_) {
    std::promise<Saved> done;
    done.set_value(Write(folder_, state, tensors, keep, 0.0));
    result_ = done.get_future();
    return;
  }
  const auto start = Clock::now();
  TrainTensors copy = CopyTensors(tensors);
  result_ = std::async(std::launch::async, [folder = folder_, state, copy = std::move(copy), keep,
                                            seconds = SecondsFrom(start)] {
    return Write(folder, state, copy, keep, seconds);
  });
}

std::optional<Saved> Saver::Poll() {
  if (!is_busy() || result_.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
    return std::nullopt;
  return result_.get();
}

std::optional<Saved> Saver::Finish() {
  return is_busy() ? std::optional<Saved>(result_.get()) : std::nullopt;
}

}  // namespace sluice::checkpoint
