// Every number of every message of a rank: not finite, negative where that has no meaning, and
// huge.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "common/directive.h"
#include "sidecar/wire/message.h"
#include "tests/common/numeric_fields.h"
#include "tests/sidecar/testing/examples.h"
#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using testing::FakeSink;

constexpr double kHuge = std::numeric_limits<double>::max();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A Hello is not numbered and has no lease yet: nobody looks at these. An image's number is a name.
bool IsIgnored(const v1::WorkerMessage& message, const std::string& path) {
  if (path == "token_map.images.image_id") return true;
  return message.has_hello() && (path == "identity.seq" || path == "identity.lease_epoch");
}

bool MayBeNegative(const std::string& path) {
  return path == "snapshot.loss" || path == "snapshot.compute_saved_ratio";
}

// One sidecar's engine with the other rank of the run, which hears every directive.
class Sidecar {
 public:
  Sidecar() {
    v1::WorkerMessage hello = testing::ExampleMessages()[0];
    Say(hello);
    hello.mutable_identity()->set_rank(1);
    Say(hello, witness_);
  }

  void Say(const v1::WorkerMessage& proto) { Say(proto, rank); }

  uint64_t Rejected() {
    uint64_t count = 0;
    const auto view = bench_.engine.MakeView(0);
    for (const auto& [reason, n] : view->rejected) count += n;
    return count;
  }

  // All that it ever asked of the run is in range, and so is what it shows.
  void ExpectSound() {
    for (const auto& sink : {rank, witness_}) {
      for (const Directive& directive : sink->directives) ExpectSound(directive);
      for (const HelloReply& reply : sink->replies) {
        if (reply.in_force.has_value()) ExpectSound(*reply.in_force);
      }
    }
    const auto run = bench_.View("run-1");
    ASSERT_NE(run, nullptr);
    if (run->record.in_force.has_value()) ExpectSound(*run->record.in_force);
    const Newest& newest = run->record.newest;
    for (double shown : {newest.loss.value_or(0), newest.gradient_norm.value_or(0),
                         newest.learning_rate, newest.images_per_second}) {
      EXPECT_TRUE(std::isfinite(shown));
    }
  }

  std::shared_ptr<FakeSink> rank = std::make_shared<FakeSink>();

 private:
  void Say(const v1::WorkerMessage& proto, const std::shared_ptr<FakeSink>& sink) {
    const auto message = MessageFromProto(proto);
    if (message.ok()) {
      bench_.Apply(StreamMessage{sink, *message});
    } else {
      bench_.Apply(RejectedMessage{sink, 0, message.status()});
    }
  }
  static void ExpectSound(const Directive& directive) {
    const absl::Status status = ValidateDirective(directive, {testing::kLayer});
    EXPECT_TRUE(status.ok()) << status;
  }

  testing::Bench bench_;
  std::shared_ptr<FakeSink> witness_ = std::make_shared<FakeSink>();
};

// Says the good messages before `index`, then the one at `index` as it stands in `all`.
void ExpectRefused(std::vector<v1::WorkerMessage> all, size_t index, const std::string& what) {
  SCOPED_TRACE(what);
  Sidecar sidecar;
  for (size_t i = 1; i < index; ++i) sidecar.Say(all[i]);
  ASSERT_EQ(sidecar.Rejected(), 0u);
  if (index == 0) {
    // A further process of the rank; the first one's Hello was good.
    sidecar.rank = std::make_shared<FakeSink>();
  }
  sidecar.Say(all[index]);
  EXPECT_EQ(sidecar.Rejected(), 1u);
  EXPECT_EQ(sidecar.rank->refusals.size(), 1u);
  sidecar.ExpectSound();
}

TEST(BadNumbers, TheExamplesAreWholeAndTaken) {
  Sidecar sidecar;
  std::set<int> bodies = {v1::WorkerMessage::kHello};
  auto all = testing::ExampleMessages();
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(VisitNumericFields(&all[i], [](const NumericField&) {}).empty());
    if (i > 0) sidecar.Say(all[i]);
    bodies.insert(all[i].body_case());
  }
  EXPECT_EQ(sidecar.Rejected(), 0u);
  EXPECT_EQ(sidecar.rank->acks.back(), all.size() - 1);
  // A body that is added to the protocol needs an example.
  EXPECT_EQ(static_cast<int>(bodies.size()),
            v1::WorkerMessage::descriptor()->FindOneofByName("body")->field_count());
  sidecar.ExpectSound();
}

TEST(BadNumbers, EveryOneIsRefusedAndCounted) {
  auto all = testing::ExampleMessages();
  int numbers = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    const v1::WorkerMessage good = all[i];
    // The fields' places are in a copy that is changed, one number at a time.
    v1::WorkerMessage scratch = good;
    const auto missing = VisitNumericFields(&scratch, [&](const NumericField& at) {
      if (IsIgnored(good, at.path)) return;
      std::vector<double> values = {kHuge};
      if (at.is_floating()) {
        values.insert(values.end(), {std::nan(""), kInfinity, -kInfinity, -kHuge});
        if (!MayBeNegative(at.path)) values.push_back(-1.0);
      }
      for (double value : values) {
        const std::unique_ptr<google::protobuf::Message> before(at.message->New());
        before->CopyFrom(*at.message);
        at.Set(value);
        all[i] = scratch;
        ExpectRefused(all, i, at.path + " = " + std::to_string(value));
        at.message->CopyFrom(*before);
        ++numbers;
      }
    });
    EXPECT_TRUE(missing.empty()) << "the example has no " << missing[0];
    all[i] = good;
  }
  EXPECT_GT(numbers, 150);
}

}  // namespace
}  // namespace sluice::sidecar
