#include "worker/config/access_config.h"

#include <gtest/gtest.h>

#include "common/security/server_access.h"
#include "tests/common/says.h"

namespace sluice::config {
namespace {

AccessConfig Parsed(const std::vector<std::string>& arguments) {
  OptionSet options("test", "");
  AccessConfig config;
  DefineAccessOptions(options, config);
  EXPECT_TRUE(options.Parse(arguments).value_or(false));
  return config;
}

TEST(AccessConfig, OptionsReachTheSidecarsAndTheServicesSide) {
  const AccessConfig config = Parsed(
      {"--telemetry.tls.ca", "ca", "--telemetry.tls.cert", "cert", "--telemetry.tls.key", "key",
       "--telemetry.tls.name", "name", "--telemetry.token-file", "token", "--worker.tls.cert", "c",
       "--worker.tls.key", "k", "--worker.tls.client-ca", "a", "--worker.tokens", "t"});
  EXPECT_EQ(config.sidecar.ca + config.sidecar.cert + config.sidecar.key, "cacertkey");
  EXPECT_EQ(config.sidecar.name + config.sidecar.token_file, "nametoken");
  const security::ServerAccess access = ServiceAccess(config, "folder", 3);
  EXPECT_EQ(access.tls.cert + access.tls.key + access.tls.client_ca, "cka");
  EXPECT_TRUE(access.guard.certificates);
  EXPECT_EQ(access.guard.token_file, "t");
  EXPECT_EQ(access.guard.audit_path, "folder/audit.rank3.jsonl");
  EXPECT_FALSE(ServiceAccess({}, "folder", 0).guard.certificates);
}

TEST(AccessConfig, WhatProtectsNothingIsRefused) {
  const AccessConfig shows = Parsed({"--telemetry.token-file", "t"});
  EXPECT_TRUE(SaysInvalid(ValidateAccessConfig(shows, "spawn", "auto"), {"sidecar is 'spawn'"}));
  EXPECT_TRUE(ValidateAccessConfig(shows, "127.0.0.1:5", "off").ok());
  const AccessConfig asks = Parsed({"--worker.tokens", "t"});
  EXPECT_TRUE(SaysInvalid(ValidateAccessConfig(asks, "off", "off"), {"worker.listen is 'off'"}));
  EXPECT_TRUE(ValidateAccessConfig(asks, "off", "auto").ok());
  EXPECT_TRUE(ValidateAccessConfig({}, "spawn", "off").ok());
}

}  // namespace
}  // namespace sluice::config
