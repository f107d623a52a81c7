#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace sluice::security {

// True for localhost, 127.0.0.0/8 and ::1; any other name may lead anywhere.
bool IsLoopback(const std::string& host);

// Host of a gRPC peer, "ipv4:127.0.0.1:5000" or "ipv6:%5B::1%5D:5000"; what is neither is the host
// itself.
std::string PeerHost(absl::string_view peer);

// True for a peer on this machine: a loopback address or a Unix socket.
bool IsLocalPeer(absl::string_view peer);

}  // namespace sluice::security
