#include "worker/legacy/legacy_folder.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::legacy {
namespace {

std::string Ending(LegacyKind kind) {
  return kind == LegacyKind::kProbe ? ".probe.safetensors" : ".buffer.safetensors";
}

}  // namespace

std::string LegacyPath(const std::string& folder, const std::string& name, LegacyKind kind) {
  return (std::filesystem::path(folder) / (name + Ending(kind))).string();
}

absl::StatusOr<std::vector<LegacySet>> LoadLegacyFolder(const std::string& folder, LegacyKind kind,
                                                        const std::vector<std::string>& class_names,
                                                        const data::ImageShape& shape) {
  std::vector<LegacySet> sets;
  if (folder.empty()) return sets;
  std::error_code error;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (absl::EndsWith(entry.path().filename().string(), Ending(kind)))
      paths.push_back(entry.path().string());
  }
  if (error)
    return absl::ErrnoToStatus(error.value(), absl::StrCat("legacy.folder '", folder, "'"));
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    SLUICE_ASSIGN_OR_RETURN(LegacySet set, LoadLegacySet(path));
    absl::StatusOr<LegacySet> fitted = FitTo(std::move(set), class_names, shape);
    if (!fitted.ok()) return Annotate(fitted.status(), absl::StrCat("'", path, "'"));
    sets.push_back(*std::move(fitted));
  }
  return sets;
}

}  // namespace sluice::legacy
