#include "sidecar/engine/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using ::testing::ElementsAre;

class OutboxTest : public ::testing::Test {
 protected:
  // Notes the order in which things are said.
  struct Sink : testing::FakeSink {
    explicit Sink(std::vector<std::string>* log) : said(log) {}
    void Ack(uint64_t seq) override { said->push_back("ack " + std::to_string(seq)); }
    std::vector<std::string>* said;
  };

  OutboxTest() {
    outbox_.answers.push_back({[this](const absl::StatusOr<Directive>& answer) {
                                 said_.push_back("answer " + std::to_string(answer.ok()));
                                 code_ = answer.status().code();
                               },
                               Directive{}});
    outbox_.pushes.push_back([this] { said_.push_back("push"); });
    outbox_.acks[std::make_shared<Sink>(&said_)] = 7;
    outbox_.replies.push_back([this] { said_.push_back("reply"); });
  }

  std::vector<std::string> said_;
  absl::StatusCode code_ = absl::StatusCode::kUnknown;
  Outbox outbox_;
};

TEST_F(OutboxTest, SaysAllInOrderAndOnce) {
  outbox_.Send();
  EXPECT_THAT(said_, ElementsAre("reply", "ack 7", "push", "answer 1"));
  outbox_.Send();
  EXPECT_EQ(said_.size(), 4u);
}

TEST_F(OutboxTest, AbandonedItOnlyAnswersCommands) {
  outbox_.Abandon();
  EXPECT_THAT(said_, ElementsAre("answer 0"));
  EXPECT_EQ(code_, absl::StatusCode::kUnavailable);
  outbox_.Send();
  EXPECT_EQ(said_.size(), 1u);
}

}  // namespace
}  // namespace sluice::sidecar
