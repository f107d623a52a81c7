#include "worker/train/go_on.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/checkpoint/checkpoint_folder.h"

namespace sluice::train {
namespace {

// One that no start before had, also if that was lost before its first checkpoint: the sidecar
// takes the counters of one generation for those of one attempt.
int64_t NewGeneration(const std::string& folder, uint32_t saved) {
  const std::string path = (std::filesystem::path(folder) / "generation").string();
  int64_t known = 0;
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (text.ok() && !absl::SimpleAtoi(*text, &known))
    LogWarn(absl::StrCat("'", path, "' holds no number, and is passed over"));
  const int64_t generation = std::max<int64_t>(known, saved) + 1;
  const absl::Status status = WriteFileAtomically(path, absl::StrCat(generation, "\n"));
  if (!status.ok()) LogWarn(absl::StrCat("generation: ", status.message()));
  return generation;
}

}  // namespace

absl::StatusOr<checkpoint::TrainState> GoOn(const config::TrainConfig& config,
                                            const std::vector<std::string>& class_names,
                                            dist::Group& group, Assembly& assembly) {
  SLUICE_ASSIGN_OR_RETURN(std::optional<checkpoint::TrainState> restored,
                          Restore(config, class_names, assembly));
  checkpoint::TrainState state = std::move(restored).value_or(checkpoint::TrainState());
  const auto step = static_cast<int64_t>(state.step);
  const int64_t generation =
      group.rank() == 0 ? NewGeneration(config.run_folder, state.generation) : 0;
  SLUICE_ASSIGN_OR_RETURN(const std::vector<torch::Tensor> all,
                          group.Gather(torch::tensor({step, generation}, torch::kLong)));
  for (size_t rank = 0; rank < all.size(); ++rank) {
    const auto other = all[rank][0].item<int64_t>();
    if (other == step) continue;
    return absl::DataLossError(absl::StrCat("the newest whole checkpoint is that of step ", step,
                                            ", but rank ", rank, " finds that of step ", other));
  }
  state.generation = static_cast<uint32_t>(all[0][1].item<int64_t>());
  LogInfo(absl::StrCat("goes on after step ", step, " as generation ", state.generation));
  if (group.rank() == 0)
    SLUICE_RETURN_IF_ERROR(checkpoint::SetAsideBehind(config.run_folder, state.step));
  return state;
}

}  // namespace sluice::train
