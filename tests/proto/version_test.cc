// Old and new side by side: stored messages of version 1 are read and run, what a later version
// adds does no harm, and what this one sends is read by version 1.
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "absl/strings/escaping.h"
#include "common/file.h"
#include "sidecar/wire/message.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using google::protobuf::Message;
using google::protobuf::util::MessageDifferencer;

struct Stored {
  std::string name, bytes;
};

std::vector<Stored> Corpus() {
  std::vector<Stored> all;
  std::ifstream file(SLUICE_CORPUS "/v1.hex");
  for (std::string name, hex; file >> name >> hex;) {
    all.push_back({name, absl::HexStringToBytes(hex)});
  }
  return all;
}

v1::WorkerMessage Parsed(const std::string& bytes) {
  v1::WorkerMessage message;
  EXPECT_TRUE(message.ParseFromString(bytes));
  return message;
}

// Fields of numbers that nobody has, in the message and in all that it holds.
void AddUnknown(Message* message) {
  const auto* reflection = message->GetReflection();
  reflection->MutableUnknownFields(message)->AddVarint(1000, 7);
  reflection->MutableUnknownFields(message)->AddLengthDelimited(1001, "new");
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(*message, &fields);
  for (const auto* field : fields) {
    if (field->type() != google::protobuf::FieldDescriptor::TYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      AddUnknown(reflection->MutableMessage(message, field));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
      AddUnknown(reflection->MutableRepeatedMessage(message, field, i));
    }
  }
}

TEST(Version, StoredMessagesAreReadWholeAndWrittenAsTheyWere) {
  const std::vector<Stored> corpus = Corpus();
  ASSERT_EQ(corpus.size(), 28u);
  for (const Stored& stored : corpus) {
    const v1::WorkerMessage message = Parsed(stored.bytes);
    EXPECT_EQ(message.SerializeAsString(), stored.bytes) << stored.name;
    EXPECT_TRUE(message.GetReflection()->GetUnknownFields(message).empty()) << stored.name;
    const auto taken = MessageFromProto(message);
    EXPECT_TRUE(taken.ok()) << stored.name << ": " << taken.status();
  }
}

TEST(Version, AnOldRankAndANewOneRunTogether) {
  testing::Bench bench;
  const auto old = std::make_shared<testing::FakeSink>();
  Hello hello = testing::HelloOf("instance", 2);
  const Identity fresh{"old-and-new", 1, 0, 1, 1, 0};
  std::shared_ptr<testing::FakeSink> now;
  uint64_t seq = 0;
  for (const Stored& stored : Corpus()) {
    bench.Apply(StreamMessage{old, *MessageFromProto(Parsed(stored.bytes))});
    if (now == nullptr) now = bench.Greet(fresh, hello);
    if (stored.name != "snapshot") continue;
    Identity identity = fresh;
    identity.seq = ++seq;
    bench.Send(now, identity, testing::SnapshotAt(seq));
  }
  EXPECT_TRUE(old->refusals.empty()) << old->refusals[0];
  EXPECT_TRUE(now->refusals.empty()) << now->refusals[0];
  EXPECT_EQ(old->acks.back(), 27u);
  const auto run = bench.View("old-and-new");
  EXPECT_EQ(run->step, 20u);
  EXPECT_EQ(run->counters.images_open, 20u + 60u);
  EXPECT_EQ(run->counters.layers[0].tokens_open, 20u * 64u + 80u);
  EXPECT_EQ(run->coalesced, 20u);
  EXPECT_GT(run->record.version, 3u);  // On above what the old one had in force.
  EXPECT_EQ(run->record.probes.at("old").worse, 1u);
  EXPECT_EQ(bench.windows.size(), 2u);
}

TEST(Version, WhatALaterVersionAddsIsPassedOverAndKept) {
  for (const Stored& stored : Corpus()) {
    v1::WorkerMessage later = Parsed(stored.bytes);
    AddUnknown(&later);
    const std::string bytes = later.SerializeAsString();
    const v1::WorkerMessage read = Parsed(bytes);
    EXPECT_EQ(read.SerializeAsString(), bytes) << stored.name;
    EXPECT_TRUE(MessageFromProto(read).ok()) << stored.name;
  }
}

// A kind of message that only a later version has: refused with its reason, and the stream goes on.
TEST(Version, ABodyThatNobodyKnowsIsRefusedAndLeavesNoGap) {
  v1::WorkerMessage unknown = Parsed(Corpus()[1].bytes);
  unknown.clear_body();
  unknown.GetReflection()->MutableUnknownFields(&unknown)->AddLengthDelimited(99, "new");
  const auto refused = MessageFromProto(Parsed(unknown.SerializeAsString()));
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(ReasonOf(refused.status()), RefusalReason::kOutOfRange);
  testing::Bench bench;
  const auto sink = bench.Greet({"r", 0, 0, 0, 1, 0}, testing::HelloOf("i", 1));
  bench.Apply(RejectedMessage{sink, 1, refused.status()});
  bench.Send(sink, {"r", 0, 0, 0, 1, 2}, testing::SnapshotAt(1));
  EXPECT_EQ(sink->refusals.size(), 1u);
  EXPECT_EQ(sink->acks.back(), 2u);
}

// The protocol as it was published reads what this version writes, and hands on what it does not
// know.
TEST(Version, ThePublishedProtocolReadsThisOnesMessages) {
  google::protobuf::FileDescriptorSet published;
  google::protobuf::util::JsonParseOptions lenient;
  lenient.ignore_unknown_fields = true;
  ASSERT_TRUE(
      google::protobuf::util::JsonStringToMessage(*ReadFile(SLUICE_PUBLISHED), &published, lenient)
          .ok());
  google::protobuf::DescriptorPool pool;
  for (const auto& file : published.file()) ASSERT_NE(pool.BuildFile(file), nullptr);
  google::protobuf::DynamicMessageFactory factory;
  const auto* type = pool.FindMessageTypeByName("sluice.v1.WorkerMessage");
  ASSERT_NE(type, nullptr);
  for (const Stored& stored : Corpus()) {
    v1::WorkerMessage later = Parsed(stored.bytes);
    AddUnknown(&later);
    const std::unique_ptr<Message> old(factory.GetPrototype(type)->New());
    ASSERT_TRUE(old->ParseFromString(later.SerializeAsString())) << stored.name;
    EXPECT_TRUE(MessageDifferencer::Equals(Parsed(old->SerializeAsString()), later)) << stored.name;
  }
}

}  // namespace
}  // namespace sluice::sidecar
