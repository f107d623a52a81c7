#include "worker/train/join.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::train {
namespace {

constexpr size_t kTextBytes = 256;

}  // namespace

absl::StatusOr<dist::Group> JoinRanks(const config::TrainConfig& config,
                                      const launch::RankEnvironment& env, bool cuda) {
  dist::GroupOptions options;
  options.rank = env.rank;
  options.size = env.world_size;
  options.master_address = env.master_address;
  options.master_port = env.master_port;
  // Our launcher and torchrun's agent serve the store themselves.
  const bool served = std::getenv("SLUICE_STORE_SERVED") != nullptr ||
                      std::getenv("TORCHELASTIC_USE_AGENT_STORE") != nullptr;
  options.host_store = env.rank == 0 && !served;
  // A store may have served a group that failed.
  options.prefix = absl::StrCat(env.restart);
  options.timeout_seconds = config.collective_timeout;
  options.cuda = cuda;
  options.second = config.compression != "none";
  return dist::Group::Join(options);
}

absl::StatusOr<std::string> ShareText(dist::Group& group, const std::string& text) {
  SLUICE_CHECK(text.size() <= kTextBytes);
  std::vector<uint8_t> bytes(kTextBytes, 0);
  std::copy(text.begin(), text.end(), bytes.begin());
  if (group.size() > 1) SLUICE_RETURN_IF_ERROR(group.Broadcast(bytes));
  return std::string(bytes.begin(), std::find(bytes.begin(), bytes.end(), 0));
}

absl::Status CheckSameConfiguration(dist::Group& group, const std::string& config_toml) {
  const auto mine = static_cast<int64_t>(std::hash<std::string>()(config_toml));
  SLUICE_ASSIGN_OR_RETURN(const std::vector<torch::Tensor> all,
                          group.Gather(torch::tensor({mine}, torch::kLong)));
  for (size_t r = 0; r < all.size(); ++r) {
    if (all[r].item<int64_t>() != mine) {
      return absl::InvalidArgumentError(absl::StrCat("rank ", r,
                                                     " has another configuration than rank ",
                                                     group.rank(), ": start all with the same"));
    }
  }
  return absl::OkStatus();
}

}  // namespace sluice::train
