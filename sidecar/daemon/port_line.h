#pragma once

#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/host_port.h"

namespace sluice::sidecar {

// What a start says of its ports: {"grpc":"HOST:PORT","http":"HOST:PORT","pid":N}, in this order.
inline std::string PortLine(const HostPort& grpc, const HostPort& http) {
  return absl::StrCat("{\"grpc\":\"", grpc.ToString(), "\",\"http\":\"", http.ToString(),
                      "\",\"pid\":", ::getpid(), "}");
}

}  // namespace sluice::sidecar
