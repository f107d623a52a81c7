#include "worker/ingest/epoch_log.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::ingest {
namespace {

constexpr char kWhat[] = "epoch log";

absl::StatusOr<EpochEntry> FromBody(const std::string& body) {
  const nlohmann::json parsed = nlohmann::json::parse(body + "}", nullptr, false);
  try {
    return EpochEntry{parsed.at("epoch").get<int64_t>(), parsed.at("first_step").get<int64_t>(),
                      parsed.at("ingested").get<int64_t>(), parsed.at("checksum").get<uint32_t>()};
  } catch (const nlohmann::json::exception& e) {
    return absl::DataLossError(e.what());
  }
}

bool Follows(const EpochEntry& entry, const EpochEntry& before) {
  return entry.number == before.number + 1 && entry.first_step > before.first_step &&
         entry.ingested >= before.ingested;
}

}  // namespace

absl::StatusOr<EpochLog> EpochLog::Open(const std::string& path) {
  const auto known = ReadEpochLog(path);
  if (!known.ok() && !absl::IsNotFound(known.status())) return known.status();
  const int64_t last = known.ok() && !known->empty() ? known->back().number : -1;
  SLUICE_ASSIGN_OR_RETURN(SealedLog log, SealedLog::Open(kWhat, path));
  return EpochLog(std::move(log), last);
}

absl::Status EpochLog::Append(const EpochEntry& entry) {
  if (entry.number <= last_) return absl::OkStatus();
  SLUICE_RETURN_IF_ERROR(log_.Append(
      absl::StrCat("{\"epoch\":", entry.number, ",\"first_step\":", entry.first_step,
                   ",\"ingested\":", entry.ingested, ",\"checksum\":", entry.checksum)));
  last_ = entry.number;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<EpochEntry>> ReadEpochLog(const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<std::string> bodies, ReadSealedLog(kWhat, path));
  std::vector<EpochEntry> entries;
  for (size_t i = 0; i < bodies.size(); ++i) {
    absl::StatusOr<EpochEntry> entry = FromBody(bodies[i]);
    if (entry.ok() && !entries.empty() && !Follows(*entry, entries.back()))
      entry = absl::DataLossError("is not the epoch that follows");
    SLUICE_RETURN_IF_ERROR(
        Annotate(entry.status(), absl::StrCat(kWhat, " '", path, "': line ", i + 1)));
    entries.push_back(*entry);
  }
  return entries;
}

}  // namespace sluice::ingest
