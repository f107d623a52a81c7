// Who a caller is: a certificate's alternative names, which give no more than their text says, and
// a file of tokens, whose lines are read or refused as a whole.
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/security/caller.h"
#include "common/security/token_file.h"
#include "common/status.h"
#include "tests/fuzz/frames.h"
#include "tests/fuzz/input_file.h"

namespace sluice::security {
namespace {

// As a certificate would say it.
std::string UriOf(const Grant& grant) {
  std::string uri = absl::StrCat("sluice://", RoleName(grant.role));
  if (grant.role == Role::kWorker) return absl::StrCat(uri, "/", grant.run, "/", grant.rank);
  return grant.run == "*" ? uri : absl::StrCat(uri, "/", grant.run);
}

void Judge(const std::string& uri) {
  const auto grant = ParseGrant(uri);
  if (!grant.has_value()) return;
  SLUICE_CHECK(UriOf(*grant) == uri || (grant->run == "*" && UriOf(*grant) + "/*" == uri));
  const Caller caller{"certificate", {*grant}};
  SLUICE_CHECK(caller.Has(grant->role, ""));
  SLUICE_CHECK(!caller.Has(Role::kAdmin, "") || grant->role == Role::kAdmin);
  SLUICE_CHECK(!caller.MaySpeakFor("another run", 7) ||
               (grant->role == Role::kWorker && grant->run == "*"));
}

void Look(const std::string& path, const std::string& token) {
  const auto file = TokenFile::Open(path);
  if (!file.ok()) return;
  const auto caller = (*file)->Find(token, std::chrono::steady_clock::now());
  if (!caller.has_value()) return;
  SLUICE_CHECK(token.size() >= TokenFile::kLeastLength && token.size() <= TokenFile::kMostLength);
  SLUICE_CHECK(!absl::StrContains(caller->name, token) && !caller->grants.empty());
}

}  // namespace
}  // namespace sluice::security

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::security;
  static const sluice::fuzz::InputFile input;
  const auto frames = sluice::fuzz::SplitFrames(data, size);
  for (const std::string& frame : frames) Judge(frame);
  if (frames.size() < 2) return 0;
  const std::string& text = frames[0];
  Look(input.Fill(reinterpret_cast<const uint8_t*>(text.data()), text.size()), frames[1]);
  return 0;
}
