#include "sidecar/engine/outbox.h"

#include "sidecar/engine/faults.h"

namespace sluice::sidecar {

void Outbox::Send() {
  for (const auto& reply : replies) reply();
  for (const auto& [sink, seq] : acks) sink->Ack(seq);
  SLUICE_FAILPOINT("after_ack");
  for (const auto& push : pushes) push();
  for (const auto& [done, result] : answers) done(result);
  SLUICE_FAILPOINT("after_push");
  *this = Outbox{};
}

void Outbox::Abandon() {
  for (const auto& [done, result] : answers) {
    done(absl::UnavailableError("the sidecar is shutting down"));
  }
  *this = Outbox{};
}

}  // namespace sluice::sidecar
