#include "sidecar/wire/message.h"

#include "common/status.h"
#include "sidecar/wire/check.h"
#include "sidecar/wire/event.h"
#include "sidecar/wire/hello.h"
#include "sidecar/wire/snapshot.h"

namespace sluice::sidecar {
namespace {

absl::Status CheckIdentity(const v1::WorkerMessage& proto) {
  if (!proto.has_identity()) return Refuse(RefusalReason::kMalformed, "identity is absent");
  SLUICE_RETURN_IF_ERROR(CheckName("identity.run", proto.identity().run()));
  if (proto.has_hello()) return absl::OkStatus();
  return CheckInteger("identity.seq", proto.identity().seq(), 1, kMaxSeq);
}

}  // namespace

absl::StatusOr<Message> MessageFromProto(const v1::WorkerMessage& proto) {
  SLUICE_RETURN_IF_ERROR(CheckIdentity(proto));
  const v1::Identity& from = proto.identity();
  Message message;
  message.identity = Identity{from.run(),  from.lease_epoch(), from.generation(),
                              from.rank(), from.incarnation(), from.seq()};
  if (proto.has_hello()) {
    SLUICE_ASSIGN_OR_RETURN(message.body, HelloFromProto(proto.hello(), from));
  } else if (proto.has_snapshot()) {
    SLUICE_ASSIGN_OR_RETURN(message.body, SnapshotFromProto(proto.snapshot()));
  } else {
    SLUICE_ASSIGN_OR_RETURN(message.body, EventFromProto(proto));
  }
  return message;
}

void RefusalToProto(uint64_t seq, RefusalReason reason, const std::string& detail,
                    v1::Refusal* proto) {
  proto->set_seq(seq);
  proto->set_reason(static_cast<v1::RefusalReason>(reason));
  proto->set_detail(detail);
}

}  // namespace sluice::sidecar
