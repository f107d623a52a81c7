#include "sidecar/ctl/output.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tests/common/says.h"
#include "tests/sidecar/ctl/states.h"

namespace sluice::ctl {
namespace {

TEST(CtlOutput, JsonIsOneLineWithTheFieldsOwnNamesAndZeros) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  Output output(file);
  v1::RunState state = StateOf("a");
  state.set_step(0);
  state.mutable_directive()->set_reason("two\nlines");
  ASSERT_TRUE(output.Json(state).ok());
  std::rewind(file);
  char buffer[8192] = {};
  const std::string text(buffer, std::fread(buffer, 1, sizeof(buffer), file));
  std::fclose(file);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json.at("world_size"), 2);
  EXPECT_EQ(json.at("step"), "0");
  EXPECT_FALSE(json.contains("accuracy_dense"));  // Absent is not zero.
  v1::RunState back;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(text, &back).ok());
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(back, state));
}

TEST(CtlOutput, AReaderThatLeftIsNoError) {
  ASSERT_NE(::signal(SIGPIPE, SIG_IGN), SIG_ERR);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::FILE* file = ::fdopen(ends[1], "w");
  Output output(file);
  EXPECT_TRUE(output.Text("x\n").ok());
  EXPECT_FALSE(output.closed());
  ::close(ends[0]);
  EXPECT_TRUE(output.Text("y\n").ok());
  EXPECT_TRUE(output.closed());
  EXPECT_TRUE(output.Text("z\n").ok());
  std::fclose(file);
}

TEST(CtlOutput, AFullDiskIsAnError) {
  std::FILE* file = std::fopen("/dev/full", "w");
  ASSERT_NE(file, nullptr);
  Output output(file);
  EXPECT_TRUE(Says(output.Text("x\n"), absl::StatusCode::kInternal,
                   {"standard output", "2 bytes", "No space left"}));
  EXPECT_FALSE(output.closed());
  std::fclose(file);
}

}  // namespace
}  // namespace sluice::ctl
