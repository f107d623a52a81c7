#include "sidecar/store/journal_reader.h"

#include <algorithm>
#include <utility>

#include "common/status.h"
#include "sidecar/store/database.h"
#include "sidecar/store/record_json.h"

namespace sluice::sidecar {
namespace {

constexpr char kSelect[] =
    "SELECT serial, step, kind, input, outcome, reason, "
    "row_check IS row_check(run, serial, step, kind, directive_version, input, outcome, reason) "
    "FROM journal WHERE run=? AND serial>? AND step>=? AND step<=? ORDER BY serial LIMIT ?";

// SQLite's integers have a sign.
uint64_t Bounded(uint64_t value) { return std::min<uint64_t>(value, INT64_MAX); }

}  // namespace

absl::StatusOr<std::vector<JournalRecord>> ReadJournal(const std::string& folder,
                                                       const JournalQuery& query) {
  SLUICE_ASSIGN_OR_RETURN(Database database, Database::OpenToRead(folder + "/sluice.db"));
  SLUICE_ASSIGN_OR_RETURN(Statement rows, database.Prepare(kSelect));
  rows.Bind(1, query.run).Bind(2, Bounded(query.after_serial)).Bind(3, Bounded(query.first_step));
  rows.Bind(4, Bounded(query.last_step)).Bind(5, uint64_t{query.limit});
  std::vector<JournalRecord> entries;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return entries;
    JournalRecord entry;
    entry.run = query.run;
    entry.serial = rows.Integer(0);
    entry.step = rows.Integer(1);
    entry.kind = rows.Text(2);
    entry.input = rows.Text(3);
    SLUICE_RETURN_IF_ERROR(OutcomeFromJson(rows.Text(4), entry));
    entry.reason = rows.Text(5);
    if (rows.Integer(6) != 1) return absl::DataLossError("journal: a row is not what was written");
    entries.push_back(std::move(entry));
  }
}

JournalReader::JournalReader(std::string folder)
    : folder_(std::move(folder)), thread_([this] { Loop(); }) {}

JournalReader::~JournalReader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    ready_.notify_one();
  }
  thread_.join();
}

void JournalReader::Read(const JournalQuery& query, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() < kMostWaiting) {
      jobs_.push_back({query, std::move(done)});
      ready_.notify_one();
      return;
    }
  }
  done(absl::ResourceExhaustedError("too many wait for the journal already"));
}

void JournalReader::Loop() {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job.done(ReadJournal(folder_, job.query));
  }
}

}  // namespace sluice::sidecar
