#include "tests/common/security/certificates.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/file.h"
#include "common/status.h"

namespace sluice::certificates {
namespace {

std::shared_ptr<EVP_PKEY> NewKey() { return {::EVP_EC_gen("P-256"), ::EVP_PKEY_free}; }

std::string Contents(BIO* bio) {
  char* data = nullptr;
  const long size = ::BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

void AddExtension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  SLUICE_CHECK(extension != nullptr);
  SLUICE_CHECK(::X509_add_ext(certificate, extension, -1) == 1);
  ::X509_EXTENSION_free(extension);
}

// Good from an hour ago. Without a signature and extensions.
std::shared_ptr<X509> NewCertificate(const std::string& name, EVP_PKEY* key, long good_seconds) {
  std::shared_ptr<X509> certificate(::X509_new(), ::X509_free);
  ::X509_set_version(certificate.get(), 2);
  uint64_t serial = 0;
  SLUICE_CHECK(::RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial)) == 1);
  ::ASN1_INTEGER_set_uint64(::X509_get_serialNumber(certificate.get()), serial >> 1);
  ::X509_gmtime_adj(::X509_getm_notBefore(certificate.get()), -3600);
  ::X509_gmtime_adj(::X509_getm_notAfter(certificate.get()), good_seconds - 3600);
  ::X509_set_pubkey(certificate.get(), key);
  ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

void Write(const std::string& path, const std::string& text) {
  SLUICE_CHECK(WriteFileAtomically(path, text).ok());
}

std::string Pem(X509* certificate) {
  BIO* bio = ::BIO_new(::BIO_s_mem());
  SLUICE_CHECK(::PEM_write_bio_X509(bio, certificate) == 1);
  std::string text = Contents(bio);
  ::BIO_free(bio);
  return text;
}

std::string Pem(EVP_PKEY* key) {
  BIO* bio = ::BIO_new(::BIO_s_mem());
  SLUICE_CHECK(::PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  std::string text = Contents(bio);
  ::BIO_free(bio);
  return text;
}

}  // namespace

Authority::Authority(std::string folder, const std::string& name)
    : folder_(std::move(folder)), ca_(folder_ + "/" + name + ".ca.pem"), key_(NewKey()) {
  certificate_ = NewCertificate(name, key_.get(), 24 * 3600);
  ::X509_set_issuer_name(certificate_.get(), ::X509_get_subject_name(certificate_.get()));
  AddExtension(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate_.get(), certificate_.get(), NID_subject_key_identifier, "hash");
  SLUICE_CHECK(::X509_sign(certificate_.get(), key_.get(), ::EVP_sha256()) != 0);
  Write(ca_, Pem(certificate_.get()));
}

Pair Authority::Issue(const std::string& name, const std::vector<std::string>& names,
                      std::chrono::seconds good) const {
  const std::shared_ptr<EVP_PKEY> key = NewKey();
  const std::shared_ptr<X509> certificate =
      NewCertificate(name, key.get(), static_cast<long>(good.count()));
  ::X509_set_issuer_name(certificate.get(), ::X509_get_subject_name(certificate_.get()));
  AddExtension(certificate.get(), certificate_.get(), NID_basic_constraints, "critical,CA:FALSE");
  if (!names.empty()) {
    AddExtension(certificate.get(), certificate_.get(), NID_subject_alt_name,
                 absl::StrJoin(names, ","));
  }
  SLUICE_CHECK(::X509_sign(certificate.get(), key_.get(), ::EVP_sha256()) != 0);
  Pair pair{folder_ + "/" + name + ".pem", folder_ + "/" + name + ".key"};
  Write(pair.key, Pem(key.get()));
  Write(pair.cert, Pem(certificate.get()));
  return pair;
}

Pair Authority::IssueFor(const std::string& uri) const {
  return Issue(absl::StrReplaceAll(uri, {{"/", "_"}, {":", "_"}, {"*", "any"}}), {"URI:" + uri});
}

}  // namespace sluice::certificates
