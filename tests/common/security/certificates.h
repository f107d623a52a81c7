#pragma once

#include <openssl/x509.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

// Certificates made while a test runs.
namespace sluice::certificates {

// Paths of PEM files.
struct Pair {
  std::string cert;
  std::string key;
};

// An authority that signs certificates and writes them into a folder. Any failure ends the test.
class Authority {
 public:
  // Writes NAME.ca.pem. Two of the same name are two authorities.
  Authority(std::string folder, const std::string& name);

  const std::string& ca() const { return ca_; }
  // Writes NAME.pem and NAME.key, each replaced at once. `names` as OpenSSL writes them:
  // "URI:sluice://admin", "IP:127.0.0.1", "DNS:localhost". Good from an hour ago for `good`.
  Pair Issue(const std::string& name, const std::vector<std::string>& names,
             std::chrono::seconds good = std::chrono::hours(2)) const;
  // For a client with this one name, in files of its own: clients look for new ones while they run.
  Pair IssueFor(const std::string& uri) const;
  // For a server on this machine.
  Pair Server(const std::string& name = "server") const {
    return Issue(name, {"IP:127.0.0.1", "DNS:localhost"});
  }
  // Out of date for an hour.
  Pair Expired(const std::string& name, const std::vector<std::string>& names) const {
    return Issue(name, names, std::chrono::minutes(1));
  }

 private:
  std::string folder_;
  std::string ca_;
  std::shared_ptr<X509> certificate_;
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace sluice::certificates
