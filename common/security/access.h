#pragma once

#include <array>

#include "absl/strings/string_view.h"
#include "common/security/caller.h"

// Which role may call what: the whole table, for both services, and the one place that says so.
namespace sluice::security {

// One call of the protocol. The health service is not here: it is open to whoever can connect.
struct Rule {
  absl::string_view method;  // "SERVICE/METHOD".
  bool worker;
  bool reader;
  bool admin;
  bool audited;  // It changes something.

  bool Allows(Role role) const {
    if (role == Role::kWorker) return worker;
    return role == Role::kReader ? reader : admin;
  }
};

inline constexpr Rule kStream{"Telemetry/Stream", true, false, false, false};
// Of a relay: each lane is looked at as a worker's stream is.
inline constexpr Rule kRelay{"Telemetry/Relay", true, false, false, false};
inline constexpr Rule kListRuns{"Runs/ListRuns", false, true, true, false};
inline constexpr Rule kGetRun{"Runs/GetRun", false, true, true, false};
inline constexpr Rule kGetHistory{"Runs/GetHistory", false, true, true, false};
inline constexpr Rule kWatchRun{"Runs/WatchRun", false, true, true, false};
inline constexpr Rule kSetThreshold{"Runs/SetThreshold", false, false, true, true};
inline constexpr Rule kResetBreaker{"Runs/ResetBreaker", false, false, true, true};
inline constexpr Rule kGetJournal{"Runs/GetJournal", false, true, true, false};
inline constexpr Rule kGetStorage{"Runs/GetStorage", false, true, true, false};
inline constexpr Rule kAcknowledgeQuarantine{"Runs/AcknowledgeQuarantine", false, false, true,
                                             true};
inline constexpr Rule kGetStatus{"Worker/GetStatus", false, true, true, false};
inline constexpr Rule kPause{"Worker/Pause", false, false, true, true};
inline constexpr Rule kResume{"Worker/Resume", false, false, true, true};
inline constexpr Rule kSaveCheckpoint{"Worker/SaveCheckpoint", false, false, true, true};
inline constexpr Rule kDrain{"Worker/Drain", false, false, true, true};
inline constexpr Rule kIngestImages{"Worker/IngestImages", false, false, true, true};

inline constexpr std::array<Rule, 17> kRules{kStream,
                                             kRelay,
                                             kListRuns,
                                             kGetRun,
                                             kGetHistory,
                                             kWatchRun,
                                             kSetThreshold,
                                             kResetBreaker,
                                             kGetJournal,
                                             kGetStorage,
                                             kAcknowledgeQuarantine,
                                             kGetStatus,
                                             kPause,
                                             kResume,
                                             kSaveCheckpoint,
                                             kDrain,
                                             kIngestImages};

}  // namespace sluice::security
