#include "sidecar/engine/outbox.h"

namespace sluice::sidecar {

void Outbox::Send() {
  for (const auto& reply : replies) reply();
  for (const auto& [sink, seq] : acks) sink->Ack(seq);
  for (const auto& push : pushes) push();
  for (const auto& [done, result] : answers) done(result);
  *this = Outbox{};
}

void Outbox::Abandon() {
  for (const auto& [done, result] : answers) {
    done(absl::UnavailableError("the sidecar is shutting down"));
  }
  *this = Outbox{};
}

}  // namespace sluice::sidecar
