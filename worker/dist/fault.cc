#include "worker/dist/fault.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/log.h"

namespace sluice::dist {

bool FaultFires(const std::string& name, int rank, uint64_t step) {
  static const char* const planted = std::getenv("SLUICE_FAULT");
  if (planted == nullptr || absl::StrCat(name, ":rank=", rank, ",step=", step) != planted)
    return false;
  SPDLOG_WARN("planted fault fires: {}", planted);
  return true;
}

}  // namespace sluice::dist
