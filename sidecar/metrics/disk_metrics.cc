#include "sidecar/metrics/disk_metrics.h"

#include <sys/statvfs.h>

namespace sluice::sidecar {

void AddDiskMetrics(const std::string& state, FamilyBuilder& families) {
  struct statvfs disk {};
  if (state.empty() || ::statvfs(state.c_str(), &disk) != 0) return;
  const auto block = static_cast<double>(disk.f_frsize);
  families.Gauge("sluice_state_free_bytes",
                 "Bytes that the sidecar may still write on the disk of its state.");
  families.Add({}, block * static_cast<double>(disk.f_bavail));
  families.Gauge("sluice_state_size_bytes", "Size of the disk that holds the sidecar's state.");
  families.Add({}, block * static_cast<double>(disk.f_blocks));
}

}  // namespace sluice::sidecar
