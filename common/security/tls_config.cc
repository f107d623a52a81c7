#include "common/security/tls_config.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "common/status.h"

namespace sluice::security {
namespace {

template <auto free>
struct Free {
  template <typename T>
  void operator()(T* pointer) const {
    free(pointer);
  }
};
void FreeBio(BIO* bio) { ::BIO_free(bio); }
using Bio = std::unique_ptr<BIO, Free<FreeBio>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

absl::Status Bad(const std::string& option, const std::string& path, absl::string_view expected) {
  ::ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat(option, " is '", path, "', expected ", expected));
}

absl::StatusOr<Bio> Open(const std::string& option, const std::string& path, std::string& text) {
  auto contents = ReadFile(path);
  SLUICE_RETURN_IF_ERROR(Annotate(contents.status(), option));
  text = *std::move(contents);
  return Bio(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// The first certificate of the file, which is in date.
absl::StatusOr<Certificate> ReadCertificate(const std::string& option, const std::string& path) {
  std::string text;
  SLUICE_ASSIGN_OR_RETURN(const Bio bio, Open(option, path, text));
  Certificate certificate(::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) return Bad(option, path, "a certificate in PEM");
  if (::X509_cmp_current_time(::X509_get0_notAfter(certificate.get())) < 0) {
    return Bad(option, path, "a certificate that has not expired");
  }
  return certificate;
}

int NoPassword(char*, int, int, void*) { return -1; }

absl::Status CheckPair(const std::string& prefix, const std::string& cert, const std::string& key) {
  SLUICE_ASSIGN_OR_RETURN(const Certificate certificate, ReadCertificate(prefix + "cert", cert));
  std::string text;
  SLUICE_ASSIGN_OR_RETURN(const Bio bio, Open(prefix + "key", key, text));
  const Key private_key(::PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  if (private_key == nullptr) {
    return Bad(prefix + "key", key, "a private key in PEM without a password");
  }
  if (::X509_check_private_key(certificate.get(), private_key.get()) != 1) {
    return Bad(prefix + "key", key, absl::StrCat("the key of the certificate '", cert, "'"));
  }
  return absl::OkStatus();
}

absl::Status Together(const std::string& given, const std::string& missing) {
  return absl::InvalidArgumentError(
      absl::StrCat(missing, " is missing, expected it beside ", given));
}

}  // namespace

void DefineServerTls(OptionSet& options, const std::string& prefix, ServerTls& tls) {
  options.Text(prefix + "cert", &tls.cert, "certificate chain in PEM; empty: no TLS");
  options.Text(prefix + "key", &tls.key, "its private key in PEM");
  options.Text(prefix + "client-ca", &tls.client_ca,
               "authorities in PEM of the certificates that clients must show");
}

void DefineClientTls(OptionSet& options, const std::string& prefix, const std::string& token_file,
                     ClientTls& tls) {
  options.Text(prefix + "ca", &tls.ca,
               "authorities in PEM of the sidecar's certificate; empty: no TLS");
  options.Text(prefix + "cert", &tls.cert, "certificate chain in PEM that is shown to it");
  options.Text(prefix + "key", &tls.key, "its private key in PEM");
  options.Text(prefix + "name", &tls.name,
               "name that the sidecar's certificate must have; empty: the host that is called");
  options.Text(token_file, &tls.token_file,
               "file with a token for the sidecar, sent over TLS or to this machine alone");
}

absl::Status CheckServerTls(const std::string& prefix, const ServerTls& tls) {
  const std::string cert = prefix + "cert", key = prefix + "key";
  if (tls.cert.empty() && tls.key.empty()) {
    return tls.client_ca.empty() ? absl::OkStatus() : Together(prefix + "client-ca", cert);
  }
  if (tls.cert.empty()) return Together(key, cert);
  if (tls.key.empty()) return Together(cert, key);
  SLUICE_RETURN_IF_ERROR(CheckPair(prefix, tls.cert, tls.key));
  if (tls.client_ca.empty()) return absl::OkStatus();
  return ReadCertificate(prefix + "client-ca", tls.client_ca).status();
}

absl::Status CheckClientTls(const std::string& prefix, const ClientTls& tls) {
  const std::string ca = prefix + "ca", cert = prefix + "cert", key = prefix + "key";
  if (!tls.token_file.empty()) SLUICE_RETURN_IF_ERROR(ReadToken(tls.token_file).status());
  if (tls.ca.empty()) {
    if (!tls.cert.empty()) return Together(cert, ca);
    if (!tls.key.empty()) return Together(key, ca);
    return tls.name.empty() ? absl::OkStatus() : Together(prefix + "name", ca);
  }
  SLUICE_RETURN_IF_ERROR(ReadCertificate(ca, tls.ca).status());
  if (tls.cert.empty() && tls.key.empty()) return absl::OkStatus();
  if (tls.cert.empty()) return Together(key, cert);
  if (tls.key.empty()) return Together(cert, key);
  return CheckPair(prefix, tls.cert, tls.key);
}

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  const std::string token(absl::StripAsciiWhitespace(lines[0]));
  for (const char c : token) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", path, "': expected one line of printable characters without blanks"));
    }
  }
  if (!token.empty()) return token;
  return absl::InvalidArgumentError(absl::StrCat("'", path, "': expected a token"));
}

}  // namespace sluice::security
