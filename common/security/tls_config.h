#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/options.h"
#include "common/security/tls.h"

namespace sluice::security {

// Options PREFIXcert, PREFIXkey and PREFIXclient-ca.
void DefineServerTls(OptionSet& options, const std::string& prefix, ServerTls& tls);
// Options PREFIXca, PREFIXcert, PREFIXkey, PREFIXname, and one for the token.
void DefineClientTls(OptionSet& options, const std::string& prefix, const std::string& token_file,
                     ClientTls& tls);

// OK if the files can be read, are what they should be and fit each other. INVALID_ARGUMENT that
// names option and file, never what is in it. A certificate that is out of date is refused.
absl::Status CheckServerTls(const std::string& prefix, const ServerTls& tls);
absl::Status CheckClientTls(const std::string& prefix, const ClientTls& tls);

// The token of a file: its first line. INVALID_ARGUMENT if there is none.
absl::StatusOr<std::string> ReadToken(const std::string& path);

}  // namespace sluice::security
