#include "worker/gate/settings.h"

#include "common/bad_value.h"

namespace sluice::gate {

const std::vector<std::string>& ModeNames() {
  static const std::vector<std::string> names = {"dense", "mask", "selective", "compact"};
  return names;
}

absl::StatusOr<Mode> ParseMode(const std::string& name) {
  return ParseName<Mode>("gate.mode", ModeNames(), name);
}

}  // namespace sluice::gate
