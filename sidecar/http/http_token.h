#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace sluice::sidecar {

// Whether a request shows the token of `file`, which is read at each call: `Bearer TOKEN`, as
// Prometheus sends it, or `Basic`, as browsers ask for it, with any name and the token as the
// password. No token is right if the file cannot be read. The time of the comparison does not
// depend on the token.
bool ShowsToken(const std::string& file, absl::string_view authorization);

}  // namespace sluice::sidecar
