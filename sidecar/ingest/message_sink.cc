#include "sidecar/ingest/message_sink.h"

#include <utility>

#include "sidecar/wire/directive.h"
#include "sidecar/wire/hello.h"
#include "sidecar/wire/message.h"

namespace sluice::sidecar {

void MessageSink::Reply(const HelloReply& reply) {
  v1::SidecarMessage message;
  HelloReplyToProto(reply, message.mutable_hello_reply());
  Send(std::move(message));
}

void MessageSink::Ack(uint64_t durable_seq) {
  v1::SidecarMessage message;
  message.mutable_ack()->set_durable_seq(durable_seq);
  Send(std::move(message));
}

void MessageSink::Push(const Directive& directive) {
  v1::SidecarMessage message;
  DirectiveToProto(directive, message.mutable_directive());
  Send(std::move(message));
}

void MessageSink::Refuse(uint64_t seq, RefusalReason reason, const std::string& detail) {
  v1::SidecarMessage message;
  RefusalToProto(seq, reason, detail, message.mutable_refusal());
  Send(std::move(message));
}

}  // namespace sluice::sidecar
