#include "sidecar/bench/merge.h"

#include <chrono>
#include <memory>
#include <string>

#include "common/log.h"
#include "common/status.h"
#include "sidecar/bench/load_rank.h"
#include "sidecar/engine/engine.h"
#include "sidecar/wire/message.h"

namespace sluice::sidecar {
namespace {

// Hears nothing but the answer to Hello.
class DeafSink final : public StreamSink {
 public:
  void Reply(const HelloReply& reply) override { epoch = reply.lease_epoch; }
  void Ack(uint64_t) override {}
  void Push(const Directive&) override {}
  void Refuse(uint64_t, RefusalReason, const std::string&) override {}
  void End() override {}
  void Close(const std::string&) override {}

  uint64_t epoch = 0;
};

constexpr uint64_t kBatch = 1024;

// As a stream makes it of a message.
Command CommandOf(const std::shared_ptr<StreamSink>& sink, const v1::WorkerMessage& proto) {
  absl::StatusOr<Message> message = MessageFromProto(proto);
  SLUICE_CHECK(message.ok());
  return StreamMessage{sink, *std::move(message)};
}

}  // namespace

void BenchMerge(const BenchOptions& options, Report& report) {
  spdlog::set_level(spdlog::level::warn);
  using Clock = std::chrono::steady_clock;
  LoadState state(static_cast<uint32_t>(options.ranks), UINT64_MAX);
  Engine engine({}, {});
  Outbox outbox;
  std::vector<LoadRank> ranks;
  std::vector<std::shared_ptr<DeafSink>> sinks;
  for (uint32_t i = 0; i < state.ranks; ++i) {
    ranks.emplace_back("bench", i, &state);
    sinks.push_back(std::make_shared<DeafSink>());
    engine.Apply(CommandOf(sinks[i], *ranks[i].Next()), outbox);
    outbox.Send();
    v1::SidecarMessage reply;
    reply.mutable_hello_reply()->set_lease_epoch(sinks[i]->epoch);
    ranks[i].Hear(reply);
  }
  Clock::duration checking{}, merging{};
  uint64_t merged = 0;
  while (merging + checking < std::chrono::duration<double>(options.seconds)) {
    ++state.allowed;
    std::vector<Command> commands;
    for (uint32_t i = 0; i < state.ranks; ++i) {
      const std::string bytes = ranks[i].Next()->SerializeAsString();
      const auto begin = Clock::now();
      v1::WorkerMessage message;
      SLUICE_CHECK(message.ParseFromString(bytes));
      commands.push_back(CommandOf(sinks[i], message));
      checking += Clock::now() - begin;
    }
    const auto begin = Clock::now();
    for (const Command& command : commands) {
      engine.Apply(command, outbox);
      if (++merged % kBatch != 0) continue;
      engine.PendingChanges();
      engine.Committed();
      outbox.Send();
    }
    merging += Clock::now() - begin;
  }
  const auto rate = [merged](Clock::duration time) {
    return static_cast<double>(merged) / std::chrono::duration<double>(time).count();
  };
  report.Add("ranks", static_cast<double>(options.ranks));
  report.Add("merged_per_second", rate(merging));
  report.Add("parsed_and_merged_per_second", rate(merging + checking));
}

}  // namespace sluice::sidecar
