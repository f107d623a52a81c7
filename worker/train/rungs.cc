#include "worker/train/rungs.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/tensors/safetensors_file.h"

namespace sluice::train {
namespace {

bool Freezes(const Directive& directive) {
  return directive.breaker_action == BreakerAction::kFreezeBackbone ||
         directive.breaker_action == BreakerAction::kRollBack;
}

}  // namespace

Rungs::Rungs(const config::TrainConfig* config, Assembly* assembly, TrainStep* step,
             bool has_buffers)
    : config_(config), assembly_(assembly), step_(step), has_buffers_(has_buffers) {}

std::string Rungs::Hold(const Directive* directive, int64_t step) {
  const config::LegacyConfig& legacy = config_->legacy;
  const bool freezes = directive != nullptr && Freezes(*directive);
  const bool frozen = freezes || legacy.freeze == "backbone";
  if (frozen != step_->footprint().frozen()) {
    LogInfo(absl::StrCat("the backbone ", frozen ? "rests" : "may change", " from step ", step));
  }
  step_->footprint().Freeze(frozen, step);
  const double asked = directive != nullptr ? directive->rehearsal_share : 0.0;
  const double share = has_buffers_ ? std::max(legacy.share, asked) : 0.0;
  if (share != share_) {
    LogInfo(absl::StrFormat("%.0f %% of each batch are rehearsed from step %d", 100 * share, step));
  }
  share_ = share;
  step_->SetRehearsalShare(share);
  if (asked > 0.0 && !has_buffers_)
    return "nothing to rehearse: legacy.folder has no buffer (sluice-worker register)";
  return "";
}

absl::Status Rungs::RollBack(checkpoint::TrainState& state) {
  if (state.healthy_step == 0) {
    return absl::NotFoundError(
        "no healthy checkpoint to roll back to: none was saved (checkpoint.every) while the "
        "breaker was closed and no probe was above its limit");
  }
  const std::string path =
      (std::filesystem::path(config_->run_folder) / checkpoint::CheckpointName(state.healthy_step))
          .string();
  SLUICE_ASSIGN_OR_RETURN(const tensors::SafetensorsFile file,
                          tensors::SafetensorsFile::Open(path));
  SLUICE_ASSIGN_OR_RETURN(const checkpoint::TrainState healthy, checkpoint::LoadState(file, path));
  SLUICE_RETURN_IF_ERROR(RestoreAssembly(file, path, healthy, *assembly_));
  state.temperatures = healthy.temperatures;
  LogWarn(absl::StrCat("rolled back to the values of step ", state.healthy_step));
  return absl::OkStatus();
}

}  // namespace sluice::train
