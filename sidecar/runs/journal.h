#pragma once

#include <vector>

#include "sidecar/engine/records.h"
#include "sidecar/store/journal_reader.h"
#include "sluice/v1/runs.pb.h"

namespace sluice::sidecar {

// What a request for a run's journal asks the reader for: one entry more than are answered.
JournalQuery QueryOf(const v1::GetJournalRequest& request);

// The answer, replayed if that was asked for. It stops short of what a client takes in one message;
// `next` then says where to go on. Pure.
void JournalToProto(const std::vector<JournalRecord>& entries, const v1::GetJournalRequest& request,
                    v1::GetJournalResponse* response);

}  // namespace sluice::sidecar
