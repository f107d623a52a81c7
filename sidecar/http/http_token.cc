#include "sidecar/http/http_token.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/strip.h"
#include "common/security/tls_config.h"

namespace sluice::sidecar {
namespace {

std::array<unsigned char, SHA256_DIGEST_LENGTH> DigestOf(const std::string& text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

}  // namespace

bool ShowsToken(const std::string& file, absl::string_view authorization) {
  std::string shown;
  if (absl::ConsumePrefix(&authorization, "Bearer ")) {
    shown = std::string(authorization);
  } else if (absl::ConsumePrefix(&authorization, "Basic ")) {
    std::string pair;
    if (!absl::Base64Unescape(authorization, &pair)) return false;
    const size_t colon = pair.find(':');
    if (colon == std::string::npos) return false;
    shown = pair.substr(colon + 1);
  } else {
    return false;
  }
  const absl::StatusOr<std::string> token = security::ReadToken(file);
  if (!token.ok()) return false;
  const auto right = DigestOf(*token), given = DigestOf(shown);
  return ::CRYPTO_memcmp(right.data(), given.data(), right.size()) == 0;
}

}  // namespace sluice::sidecar
