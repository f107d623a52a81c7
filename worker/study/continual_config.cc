#include "worker/study/continual_config.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_join.h"
#include "common/bad_value.h"
#include "worker/study/continual_strategies.h"

namespace sluice::study {
namespace {

// Training images of a domain of digits.
constexpr int64_t kDigits = 1200;

}  // namespace

absl::Status ResolveContinual(ContinualConfig& config) {
  if (config.digits) {
    if (config.data_folder == ContinualConfig().data_folder) {
      return BadValue("data", config.data_folder,
                      "the folder of the digits' IDX files, which `deploy/local.sh continual "
                      "--digits` writes");
    }
    // There are 1,288 to train on.
    config.images = std::min(config.images, kDigits);
    config.buffer_images = std::min(config.buffer_images, kDigits / 10);
  }
  if (config.quick) {
    config.seeds = 1;
    config.first_steps = std::min<int64_t>(config.first_steps, 200);
    config.steps = std::min<int64_t>(config.steps, 50);
    if (config.strategies.empty())
      config.strategies = {"sft", "lora", "der", "random_gate", "sluice"};
  }
  if (config.strategies.empty()) config.strategies = StrategyNames();
  if (std::set<std::string>(config.domains.begin(), config.domains.end()).size() !=
          config.domains.size() ||
      config.domains.size() < 2) {
    return BadValue("domains", absl::StrJoin(config.domains, ","), "two or more, each once");
  }
  if (config.strategies.front() != "sft")
    return BadValue("strategies", absl::StrJoin(config.strategies, ","), "sft as the first");
  return absl::OkStatus();
}

}  // namespace sluice::study
