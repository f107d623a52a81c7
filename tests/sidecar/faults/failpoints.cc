#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>

#include "sidecar/engine/faults.h"

namespace sluice::sidecar {
namespace {

// POINT and what follows the colon, of an environment variable.
struct Setting {
  std::string point, value;
};

Setting Read(const char* variable) {
  const char* text = std::getenv(variable);
  const std::string whole = text == nullptr ? "" : text;
  const size_t colon = whole.find(':');
  if (colon == std::string::npos) return {};
  return {whole.substr(0, colon), whole.substr(colon + 1)};
}

}  // namespace

void ReachFailpoint(const char* name) {
  static const Setting fail = Read("SLUICE_FAIL_AT"), hold = Read("SLUICE_HOLD_AT");
  static std::atomic<int> passages{0};
  if (fail.point == name && ++passages == std::atoi(fail.value.c_str())) {
    ::kill(::getpid(), SIGKILL);
  }
  while (hold.point == name && ::access(hold.value.c_str(), F_OK) == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

bool HasDefect(const char* name) {
  const char* planted = std::getenv("SLUICE_DEFECT");
  return planted != nullptr && std::string(planted) == name;
}

}  // namespace sluice::sidecar
