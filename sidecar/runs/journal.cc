#include "sidecar/runs/journal.h"

#include <algorithm>
#include <string>

#include "common/status.h"
#include "sidecar/engine/replay.h"
#include "sidecar/store/record_json.h"
#include "sidecar/wire/directive.h"

namespace sluice::sidecar {
namespace {

constexpr uint32_t kDefaultEntries = 200;
constexpr uint32_t kMostEntries = 1000;
// Clients take messages of 4 MiB.
constexpr size_t kMostBytes = 2 << 20;

uint32_t LimitOf(const v1::GetJournalRequest& request) {
  return request.limit() == 0 ? kDefaultEntries : std::min(request.limit(), kMostEntries);
}

absl::Status ReplayEntry(const JournalRecord& entry) {
  if (entry.input.empty()) {
    return absl::FailedPreconditionError("written by a version that did not keep the input");
  }
  SLUICE_ASSIGN_OR_RETURN(const JournalInput input, InputFromJson(entry.input));
  return CheckReplay(input, entry);
}

}  // namespace

JournalQuery QueryOf(const v1::GetJournalRequest& request) {
  JournalQuery query;
  query.run = request.run();
  query.first_step = request.first_step();
  if (request.last_step() != 0) query.last_step = request.last_step();
  query.after_serial = request.after_serial();
  query.limit = LimitOf(request) + 1;
  return query;
}

void JournalToProto(const std::vector<JournalRecord>& entries, const v1::GetJournalRequest& request,
                    v1::GetJournalResponse* response) {
  size_t bytes = 0;
  uint64_t last = 0;
  for (const JournalRecord& from : entries) {
    bytes += from.reason.size() + 1024 + (request.with_input() ? from.input.size() : 0);
    const auto count = static_cast<uint32_t>(response->entries_size());
    if (count > 0 && (count == LimitOf(request) || bytes > kMostBytes)) {
      response->set_next(last);
      return;
    }
    last = from.serial;
    v1::JournalEntry* to = response->add_entries();
    to->set_serial(from.serial);
    to->set_step(from.step);
    to->set_kind(from.kind);
    to->set_reason(from.reason);
    if (from.directive.has_value()) DirectiveToProto(*from.directive, to->mutable_directive());
    if (request.with_input()) to->set_input(from.input);
    if (!request.replay()) continue;
    const absl::Status replayed = ReplayEntry(from);
    to->set_replayed(replayed.ok());
    to->set_difference(std::string(replayed.message()));
  }
}

}  // namespace sluice::sidecar
