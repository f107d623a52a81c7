#include "common/security/caller.h"

#include <gtest/gtest.h>

namespace sluice::security {
namespace {

TEST(Caller, ACertificatesNameGrants) {
  EXPECT_EQ(ParseGrant("sluice://worker/r.1/3"), (Grant{Role::kWorker, "r.1", "3"}));
  EXPECT_EQ(ParseGrant("sluice://worker/r/*"), (Grant{Role::kWorker, "r", "*"}));
  EXPECT_EQ(ParseGrant("sluice://worker/*/*"), (Grant{Role::kWorker, "*", "*"}));
  EXPECT_EQ(ParseGrant("sluice://reader"), (Grant{Role::kReader, "*", "*"}));
  EXPECT_EQ(ParseGrant("sluice://admin/r"), (Grant{Role::kAdmin, "r", "*"}));
}

TEST(Caller, WhatIsNoNameOfOursGrantsNothing) {
  for (const char* name : {"",
                           "sluice://",
                           "sluice://root",
                           "sluice://worker",
                           "sluice://worker/r",
                           "sluice://worker/r/",
                           "sluice://worker//1",
                           "sluice://worker/r/-1",
                           "sluice://worker/r/+1",
                           "sluice://worker/r/01",
                           "sluice://worker/r/ 1",
                           "sluice://worker/r/4294967296",
                           "sluice://worker/r/1/2",
                           "sluice://worker/a b/1",
                           "sluice://reader/",
                           "sluice://reader/r/1",
                           "sluice://admin/../x",
                           "https://admin",
                           "SLUICE://admin",
                           "sluice://Admin",
                           "sluice://admin?x",
                           "spiffe://sluice/admin",
                           "sluice://worker/r**/1"}) {
    EXPECT_FALSE(ParseGrant(name).has_value()) << name;
  }
  EXPECT_FALSE(ParseGrant("sluice://reader/" + std::string(129, 'x')).has_value());
}

TEST(Caller, AWorkerSpeaksForItsRunAndRankAlone) {
  const Caller one{"one", {{Role::kWorker, "r", "3"}}};
  EXPECT_TRUE(one.MaySpeakFor("r", 3));
  EXPECT_FALSE(one.MaySpeakFor("r", 2));
  EXPECT_FALSE(one.MaySpeakFor("r2", 3));
  EXPECT_FALSE(one.MaySpeakFor("", 3));
  const Caller node{"node", {{Role::kWorker, "r", "*"}, {Role::kWorker, "s", "0"}}};
  EXPECT_TRUE(node.MaySpeakFor("r", 7));
  EXPECT_TRUE(node.MaySpeakFor("s", 0));
  EXPECT_FALSE(node.MaySpeakFor("s", 7));
  const Caller admin{"admin", {{Role::kAdmin}, {Role::kReader}}};
  EXPECT_FALSE(admin.MaySpeakFor("r", 0));
  EXPECT_EQ(admin.MayNotSpeakFor("r\n", 7), "admin may not speak for run 'r\\n' rank 7");
}

TEST(Caller, ARoleMayBeBoundToARun) {
  const Caller caller{"one", {{Role::kReader, "r", "*"}}};
  EXPECT_TRUE(caller.Has(Role::kReader, "r"));
  EXPECT_TRUE(caller.Has(Role::kReader, ""));
  EXPECT_FALSE(caller.Has(Role::kReader, "s"));
  EXPECT_FALSE(caller.Has(Role::kAdmin, "r"));
}

TEST(Caller, RolesHaveNames) {
  for (const Role role : kRoles) EXPECT_EQ(ParseRole(RoleName(role)), role);
  EXPECT_FALSE(ParseRole("root").has_value());
}

}  // namespace
}  // namespace sluice::security
