#include "worker/train/checkpoints.h"

#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/log_line.h"
#include "common/status.h"

namespace sluice::train {
namespace {

constexpr size_t kMostErrorBytes = 1024;  // The sidecar refuses longer ones.

}  // namespace

Checkpoints::Checkpoints(const config::TrainConfig* config, dist::Group* group,
                         telemetry::Publisher* publisher, const checkpoint::TrainState& state)
    : config_(config),
      group_(group),
      publisher_(publisher),
      saver_(config->run_folder, config->checkpoint_asynchronous),
      health_(state.healthy_step),
      newest_(state.step > 0 ? checkpoint::CheckpointName(state.step) : "") {}

std::string Checkpoints::newest_path() const {
  return newest_.empty() ? "" : (std::filesystem::path(config_->run_folder) / newest_).string();
}

void Checkpoints::Start(const checkpoint::TrainState& state,
                        const checkpoint::TrainTensors& tensors, bool well) {
  SLUICE_CHECK(!is_started_);
  is_started_ = true;
  started_step_ = static_cast<int64_t>(state.step);
  started_well_ = well;
  if (group_->rank() != 0) return;
  saver_.Start(state, tensors,
               {config_->checkpoint_keep, config_->checkpoint_keep_best, state.healthy_step,
                health_.awaited(), state.accuracies});
}

void Checkpoints::Forget(checkpoint::TrainState& state) const {
  std::erase_if(state.accuracies, [this](const auto& item) {
    std::error_code error;
    return !std::filesystem::exists(
        std::filesystem::path(config_->run_folder) / checkpoint::CheckpointName(item.first), error);
  });
}

void Checkpoints::Take(const checkpoint::Saved& saved) {
  failure_ = Annotate(saved.status, "save checkpoint");
  if (!failure_.ok()) {
    LogWarn(absl::StrCat(failure_.message(), "; the run goes on, the newest checkpoint is ",
                         newest_.empty() ? "none" : newest_));
    telemetry::CheckpointSaved failed{.step = saved.step, .name = saved.name};
    failed.error = std::string(saved.status.message().substr(0, kMostErrorBytes));
    publisher_->Send(failed);
    return;
  }
  newest_ = saved.name;
  LogInfo(absl::StrFormat("%s: %d bytes, %.1f ms of copying, %.1f ms until durable", saved.name,
                          saved.bytes, 1e3 * saved.copy_seconds, 1e3 * saved.write_seconds));
  publisher_->Send(telemetry::CheckpointSaved{
      saved.step, saved.name, saved.bytes,
      static_cast<uint64_t>((saved.copy_seconds + saved.write_seconds) * 1e6)});
}

void Checkpoints::Look() {
  if (const auto saved = saver_.Poll()) Take(*saved);
}

absl::Status Checkpoints::Settle() {
  if (!is_started_) return absl::OkStatus();
  is_started_ = false;
  if (const auto saved = saver_.Finish()) Take(*saved);
  std::vector<uint8_t> is_saved = {static_cast<uint8_t>(failure_.ok() ? 1 : 0)};
  if (group_->size() > 1) SLUICE_RETURN_IF_ERROR(group_->Broadcast(is_saved));
  if (is_saved[0] == 0) {
    if (group_->rank() != 0) failure_ = absl::UnavailableError("rank 0 cannot save checkpoints");
    return absl::OkStatus();
  }
  failure_ = absl::OkStatus();
  saved_step_ = started_step_;
  const auto step = static_cast<uint64_t>(saved_step_);
  // What was known then is all there is to know.
  if (started_well_ && !config_->legacy.probe_async) health_.OnFinding(step, true);
  health_.OnCheckpoint(step, started_well_);
  newest_ = checkpoint::CheckpointName(static_cast<uint64_t>(saved_step_));
  return absl::OkStatus();
}

absl::Status Checkpoints::ShareHealthy() {
  std::vector<uint8_t> bytes(sizeof(uint64_t));
  const uint64_t mine = health_.healthy();
  std::memcpy(bytes.data(), &mine, sizeof(mine));
  if (group_->size() > 1) SLUICE_RETURN_IF_ERROR(group_->Broadcast(bytes));
  uint64_t shared = 0;
  std::memcpy(&shared, bytes.data(), sizeof(shared));
  if (group_->rank() != 0) health_ = HealthyCheckpoint(shared);
  return absl::OkStatus();
}

}  // namespace sluice::train
