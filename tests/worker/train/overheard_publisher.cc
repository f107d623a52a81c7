#include "tests/worker/train/overheard_publisher.h"

#include <gtest/gtest.h>

#include "tests/worker/telemetry/scripted_sidecar.h"
#include "worker/telemetry/wire.h"

namespace sluice::train::testing {
namespace {

template <typename Body>
std::string TextOfBody(const Body& body) {
  v1::WorkerMessage message;
  telemetry::SetBody(body, message);
  return message.ShortDebugString();
}

}  // namespace

class OverheardPublisher::Impl {
 public:
  telemetry::ScriptedSidecar sidecar;
  telemetry::Publisher publisher{{.address = sidecar.address(),
                                  .run = "r",
                                  .instance = "i",
                                  .poll_interval = std::chrono::milliseconds(5)}};
};

OverheardPublisher::OverheardPublisher() : impl_(std::make_unique<Impl>()) {
  const absl::Status started = impl_->publisher.Start();
  EXPECT_TRUE(started.ok()) << started;
}

OverheardPublisher::~OverheardPublisher() = default;

telemetry::Publisher* OverheardPublisher::publisher() { return &impl_->publisher; }

std::vector<std::string> OverheardPublisher::Heard() {
  const absl::Status finished =
      impl_->publisher.Finish({.step = 1}, std::chrono::milliseconds(20000));
  EXPECT_TRUE(finished.ok()) << finished;
  std::vector<std::string> texts;
  telemetry::Ledger ledger = impl_->sidecar.ledger();
  for (auto& [seq, message] : ledger.messages) {
    if (message.has_run_ended()) continue;
    message.clear_identity();
    texts.push_back(message.ShortDebugString());
  }
  return texts;
}

std::string TextOf(const GateSnapshot& snapshot) { return TextOfBody(snapshot); }
std::string TextOf(const telemetry::Event& event) { return TextOfBody(event); }

}  // namespace sluice::train::testing
