#include "sidecar/ingest/command_of.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sidecar/wire/message.h"

namespace sluice::sidecar {
namespace {

// Most messages that a relay may merge into one: a rank sends 64 before it waits.
constexpr uint64_t kMostMerged = 4096;

absl::StatusOr<Message> CheckRange(const v1::WorkerMessage& proto, uint64_t first_seq) {
  SLUICE_ASSIGN_OR_RETURN(Message message, MessageFromProto(proto));
  const uint64_t seq = message.identity.seq;
  if (first_seq > seq || (first_seq > 0 && seq - first_seq >= kMostMerged)) {
    return Refuse(RefusalReason::kMalformed,
                  absl::StrCat("first_seq is ", first_seq, ", expected 0 or one in the last ",
                               kMostMerged, " up to seq ", seq));
  }
  message.identity.first_seq = first_seq;
  return message;
}

}  // namespace

Command CommandOf(const std::shared_ptr<StreamSink>& sink, const v1::WorkerMessage& proto,
                  const absl::Status& turn, uint64_t first_seq) {
  absl::StatusOr<Message> message = CheckRange(proto, first_seq);
  if (message.ok() && !turn.ok()) message = turn;
  if (message.ok()) return StreamMessage{sink, *std::move(message)};
  // A seq that is itself out of range numbers nothing, nor does a range of them.
  const uint64_t seq = proto.identity().seq() <= kMaxSeq ? proto.identity().seq() : 0;
  const bool in_range = first_seq <= seq && seq - first_seq < kMostMerged;
  return RejectedMessage{sink, seq, message.status(), in_range ? first_seq : 0};
}

absl::Status OverRate(double messages_per_second) {
  return Refuse(RefusalReason::kLimit,
                absl::StrCat("more than ", messages_per_second, " messages in a second"));
}

}  // namespace sluice::sidecar
