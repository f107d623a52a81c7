#include "sidecar/ingest/relay_lanes.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "sidecar/ingest/command_of.h"

namespace sluice::sidecar {

// Numbers rise, so an old one without a lane is of one that has ended.
RelayLanes::Lanes::iterator RelayLanes::Find(uint64_t number) {
  const auto lane = lanes_.find(number);
  if (lane != lanes_.end() || number <= newest_) return lane;
  newest_ = number;
  if (lanes_.size() >= limits_.lanes) {
    tally_->Count(security::Denial::kStreams);
    port_->End(number, grpc::StatusCode::RESOURCE_EXHAUSTED,
               absl::StrCat("the relay's stream has ", lanes_.size(), " lanes already"));
    return lanes_.end();
  }
  const double rate = limits_.messages_per_second;
  return lanes_
      .emplace(number, Lane{std::make_shared<LaneSink>(port_, number),
                            security::TokenBucket(rate, 2 * rate)})
      .first;
}

void RelayLanes::Close(Lanes::iterator lane, std::vector<Command>& commands) {
  commands.emplace_back(std::in_place_type<StreamClosed>, StreamClosed{lane->second.sink});
  lanes_.erase(lane);
}

void RelayLanes::TakeMessage(const v1::LaneRequest& entry, Time now,
                             std::vector<Command>& commands) {
  const auto lane = Find(entry.lane());
  if (lane == lanes_.end()) return;
  const v1::Identity& identity = entry.message().identity();
  if (!caller_.MaySpeakFor(identity.run(), identity.rank())) {
    tally_->Count(security::Denial::kPermission);
    const std::string why = caller_.MayNotSpeakFor(identity.run(), identity.rank());
    spdlog::warn("lane of a relay refused: {}", why);
    port_->End(entry.lane(), grpc::StatusCode::PERMISSION_DENIED, why);
    return Close(lane, commands);
  }
  const absl::Status turn =
      lane->second.turns.Take(now) ? absl::OkStatus() : OverRate(limits_.messages_per_second);
  commands.push_back(CommandOf(lane->second.sink, entry.message(), turn, entry.first_seq()));
}

absl::Status RelayLanes::Take(const v1::RelayRequest& request, Time now,
                              std::vector<Command>& commands) {
  if (request.lanes_size() > kMostEntries) {
    return absl::InvalidArgumentError(absl::StrCat("lanes has ", request.lanes_size(),
                                                   " entries, expected at most ", kMostEntries));
  }
  for (const v1::LaneRequest& entry : request.lanes()) {
    if (entry.lane() == 0) return absl::InvalidArgumentError("lane is 0, expected at least 1");
    if (entry.has_message()) {
      TakeMessage(entry, now, commands);
    } else if (!entry.ended()) {
      return absl::InvalidArgumentError(
          absl::StrCat("lane ", entry.lane(), " says nothing that is known here"));
    } else if (const auto lane = lanes_.find(entry.lane()); lane != lanes_.end()) {
      Close(lane, commands);
    } else {
      port_->End(entry.lane(), grpc::StatusCode::OK, "");  // Every end has its answer.
    }
  }
  return absl::OkStatus();
}

std::vector<Command> RelayLanes::CloseAll() {
  std::vector<Command> commands;
  while (!lanes_.empty()) Close(lanes_.begin(), commands);
  return commands;
}

}  // namespace sluice::sidecar
