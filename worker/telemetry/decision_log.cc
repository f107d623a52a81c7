#include "worker/telemetry/decision_log.h"

#include <spdlog/spdlog.h>
#include <zlib.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/status.h"

namespace sluice::telemetry {
namespace {

using nlohmann::json;

constexpr char kCrcKey[] = ",\"crc\":\"";

std::string CrcOf(const std::string& text) {
  const uLong crc = crc32(0, reinterpret_cast<const Bytef*>(text.data()), text.size());
  return absl::StrFormat("%08x", static_cast<uint32_t>(crc));
}

std::string ToLine(const DecisionEntry& entry) {
  const std::string body = absl::StrCat(
      "{\"version\":", entry.directive.version, ",\"step\":", entry.step,
      ",\"generation\":", entry.generation, ",\"directive\":", DirectiveToJson(entry.directive));
  return absl::StrCat(body, kCrcKey, CrcOf(body), "\"}\n");
}

absl::StatusOr<DecisionEntry> FromLine(const std::string& line) {
  const size_t at = line.rfind(kCrcKey);
  if (at == std::string::npos) return absl::DataLossError("has no crc");
  const std::string body = line.substr(0, at);
  if (line.substr(at) != absl::StrCat(kCrcKey, CrcOf(body), "\"}")) {
    return absl::DataLossError(absl::StrCat("has a wrong crc, expected ", CrcOf(body)));
  }
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

struct Parsed {
  std::vector<DecisionEntry> in_force;
  size_t good_bytes = 0;  // Length without a torn last line.
};

absl::StatusOr<Parsed> Parse(const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  Parsed parsed;
  uint32_t generation = 0;
  for (size_t number = 1; parsed.good_bytes < text.size(); ++number) {
    const size_t end = text.find('\n', parsed.good_bytes);
    const size_t next = end == std::string::npos ? text.size() : end + 1;
    auto entry = FromLine(text.substr(parsed.good_bytes, end - parsed.good_bytes));
    if (next == text.size() && (end == std::string::npos || !entry.ok())) {
      spdlog::warn("decision log '{}': dropping line {}, which was not written to its end", path,
                   number);
      return parsed;
    }
    const absl::Status status =
        entry.ok() ? Resolve(*std::move(entry), generation, parsed.in_force) : entry.status();
    SLUICE_RETURN_IF_ERROR(
        Annotate(status, absl::StrCat("decision log '", path, "': line ", number)));
    parsed.good_bytes = next;
  }
  return parsed;
}

}  // namespace

absl::StatusOr<DecisionLog> DecisionLog::Open(const std::string& path) {
  const auto parsed = Parse(path);
  if (!parsed.ok() && !absl::IsNotFound(parsed.status())) return parsed.status();
  // A line after a torn one would be read as its continuation.
  if (parsed.ok()) {
    std::error_code error;
    if (std::filesystem::file_size(path, error) != parsed->good_bytes && !error) {
      std::filesystem::resize_file(path, parsed->good_bytes, error);
    }
    if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("cut '", path, "'"));
  }
  SLUICE_ASSIGN_OR_RETURN(AppendFile file, AppendFile::Open(path));
  SLUICE_RETURN_IF_ERROR(file.Sync());
  return DecisionLog(std::move(file));
}

absl::Status DecisionLog::Append(const DecisionEntry& entry) {
  SLUICE_RETURN_IF_ERROR(file_.Append(ToLine(entry)));
  return file_.Sync();
}

absl::StatusOr<std::vector<DecisionEntry>> ReadDecisionLog(const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(Parsed parsed, Parse(path));
  return std::move(parsed.in_force);
}

}  // namespace sluice::telemetry
