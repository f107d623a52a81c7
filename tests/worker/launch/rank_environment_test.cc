#include "worker/launch/rank_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace sluice::launch {
namespace {

using testing::HasSubstr;
using Table = std::map<std::string, std::string>;

EnvironmentLookup In(const Table& table) {
  return [&table](const char* name) -> const char* {
    const auto found = table.find(name);
    return found == table.end() ? nullptr : found->second.c_str();
  };
}

Table Good() {
  return {{"RANK", "2"},
          {"LOCAL_RANK", "1"},
          {"WORLD_SIZE", "4"},
          {"MASTER_ADDR", "node-0"},
          {"MASTER_PORT", "29500"}};
}

TEST(RankEnvironmentTest, ReadsTorchrunsVariables) {
  const Table table = Good();
  const auto env = ReadRankEnvironment(In(table));
  ASSERT_TRUE(env.ok()) << env.status();
  EXPECT_EQ(env->rank, 2);
  EXPECT_EQ(env->local_rank, 1);
  EXPECT_EQ(env->world_size, 4);
  EXPECT_EQ(env->master_address, "node-0");
  EXPECT_EQ(env->master_port, 29500);
  EXPECT_EQ(env->restart, 0);
  Table restarted = table;
  restarted["TORCHELASTIC_RESTART_COUNT"] = "7";
  EXPECT_EQ(ReadRankEnvironment(In(restarted))->restart, 7);
}

TEST(RankEnvironmentTest, KnowsWhetherThereIsAGroup) {
  EXPECT_TRUE(HasRankEnvironment(In(Good())));
  EXPECT_FALSE(HasRankEnvironment(In({{"MASTER_ADDR", "a"}})));
}

TEST(RankEnvironmentTest, AnErrorNamesVariableValueAndRange) {
  const struct {
    const char* name;
    const char* value;  // Null: absent.
    const char* message;
  } cases[] = {
      {"RANK", "4", "RANK is '4', expected an integer in [0, 3], because WORLD_SIZE is 4"},
      {"RANK", "-1", "RANK is '-1'"},
      {"RANK", "two", "RANK is 'two'"},
      {"RANK", nullptr, "RANK is not set"},
      {"LOCAL_RANK", "3", "LOCAL_RANK is '3', expected an integer in [0, 2], because RANK is 2"},
      {"WORLD_SIZE", "0", "WORLD_SIZE is '0', expected an integer in [1, 4096]"},
      {"WORLD_SIZE", nullptr, "WORLD_SIZE is not set"},
      {"MASTER_ADDR", "", "MASTER_ADDR is ''"},
      {"MASTER_ADDR", nullptr, "MASTER_ADDR is not set"},
      {"MASTER_PORT", "65536", "MASTER_PORT is '65536', expected an integer in [1, 65535]"},
      {"MASTER_PORT", "0", "MASTER_PORT is '0'"},
      {"TORCHELASTIC_RESTART_COUNT", "-1", "TORCHELASTIC_RESTART_COUNT is '-1'"},
  };
  for (const auto& c : cases) {
    Table table = Good();
    table.erase(c.name);
    if (c.value != nullptr) table[c.name] = c.value;
    const auto status = ReadRankEnvironment(In(table)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
  }
}

TEST(RankEnvironmentTest, LocalRankIsOptional) {
  Table table = Good();
  table.erase("LOCAL_RANK");
  EXPECT_EQ(ReadRankEnvironment(In(table))->local_rank, 2);
}

}  // namespace
}  // namespace sluice::launch
