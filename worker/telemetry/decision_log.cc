#include "worker/telemetry/decision_log.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::telemetry {
namespace {

using nlohmann::json;

constexpr char kWhat[] = "decision log";

std::string ToBody(const DecisionEntry& entry) {
  return absl::StrCat("{\"version\":", entry.directive.version, ",\"step\":", entry.step,
                      ",\"generation\":", entry.generation,
                      ",\"directive\":", DirectiveToJson(entry.directive));
}

absl::StatusOr<DecisionEntry> FromBody(const std::string& body) {
  const json parsed = json::parse(body + "}", nullptr, false);
  try {
    DecisionEntry entry{.step = parsed.at("step").get<uint64_t>(),
                        .generation = parsed.at("generation").get<uint32_t>(),
                        .directive = {}};
    SLUICE_ASSIGN_OR_RETURN(entry.directive, DirectiveFromJson(parsed.at("directive").dump()));
    if (parsed.at("version").get<uint64_t>() != entry.directive.version) {
      return absl::DataLossError("has a version that is not its directive's");
    }
    return entry;
  } catch (const json::exception& e) {
    return absl::DataLossError(e.what());
  }
}

// Applies the rules of ReadDecisionLog to the next line's entry.
absl::Status Resolve(DecisionEntry entry, uint32_t& generation,
                     std::vector<DecisionEntry>& in_force) {
  if (entry.generation < generation) {
    return absl::DataLossError(
        absl::StrCat("has generation ", entry.generation, ", expected at least ", generation));
  }
  generation = entry.generation;
  for (const DecisionEntry& known : in_force) {
    if (known.step == entry.step && known.directive == entry.directive) return absl::OkStatus();
  }
  // Entries of a former generation only: inside its own, a step that does not rise is an error.
  while (!in_force.empty() && in_force.back().step >= entry.step &&
         in_force.back().generation < entry.generation) {
    in_force.pop_back();
  }
  if (!in_force.empty() && in_force.back().step >= entry.step) {
    return absl::DataLossError(
        absl::StrCat("has step ", entry.step, ", expected more than ", in_force.back().step));
  }
  if (!in_force.empty() && in_force.back().directive.version >= entry.directive.version) {
    return absl::DataLossError(absl::StrCat("has version ", entry.directive.version,
                                            ", expected more than ",
                                            in_force.back().directive.version));
  }
  in_force.push_back(std::move(entry));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DecisionEntry>> InForce(const std::vector<std::string>& bodies,
                                                   const std::string& path) {
  std::vector<DecisionEntry> in_force;
  uint32_t generation = 0;
  for (size_t i = 0; i < bodies.size(); ++i) {
    auto entry = FromBody(bodies[i]);
    const absl::Status status =
        entry.ok() ? Resolve(*std::move(entry), generation, in_force) : entry.status();
    SLUICE_RETURN_IF_ERROR(Annotate(status, absl::StrCat(kWhat, " '", path, "': line ", i + 1)));
  }
  return in_force;
}

}  // namespace

absl::StatusOr<DecisionLog> DecisionLog::Open(const std::string& path) {
  const auto known = ReadDecisionLog(path);
  if (!known.ok() && !absl::IsNotFound(known.status())) return known.status();
  SLUICE_ASSIGN_OR_RETURN(SealedLog log, SealedLog::Open(kWhat, path));
  return DecisionLog(std::move(log));
}

absl::Status DecisionLog::Append(const DecisionEntry& entry) { return log_.Append(ToBody(entry)); }

absl::StatusOr<std::vector<DecisionEntry>> ReadDecisionLog(const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<std::string> bodies, ReadSealedLog(kWhat, path));
  return InForce(bodies, path);
}

}  // namespace sluice::telemetry
