#include "worker/ingest/intake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/ingest/pictures.h"

namespace sluice::ingest {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using testing::Picture;

class IntakeTest : public ::testing::Test {
 protected:
  using Answer = absl::StatusOr<IntakeAnswer>;

  std::unique_ptr<Intake> Open(int64_t most_images = 1000, int64_t most_bytes = 1 << 30) {
    auto intake = Intake::Open(
        {folder_.path(), most_images, most_bytes, testing::Classes(), testing::Small()});
    EXPECT_TRUE(intake.ok()) << intake.status();
    return *std::move(intake);
  }
  static std::future<Answer> Begin(Intake& intake, OfferedImage image) {
    auto answer = std::make_shared<std::promise<Answer>>();
    auto future = answer->get_future();
    intake.Offer(std::move(image), [answer](const Answer& found) { answer->set_value(found); });
    return future;
  }
  static Answer Offer(Intake& intake, OfferedImage image) {
    return Begin(intake, std::move(image)).get();
  }
  static OfferedImage Cat(const std::string& id) { return {id, Picture(7), "cat", std::nullopt}; }
  static void ExpectRefused(const Answer& answer, Verdict verdict, const std::string& detail) {
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->verdict, verdict);
    EXPECT_THAT(answer->detail, HasSubstr(detail));
  }
  TemporaryFolder folder_;
};

TEST_F(IntakeTest, StoresByNameOrByIndexOfTheClass) {
  auto intake = Open();
  EXPECT_EQ(Offer(*intake, Cat("a"))->verdict, Verdict::kStored);
  EXPECT_EQ(Offer(*intake, {"b", Picture(8), std::nullopt, 2})->verdict, Verdict::kStored);
  EXPECT_EQ(intake->images(), 2);
  intake.reset();
  intake = Open();
  EXPECT_EQ(intake->images(), 2);
  ExpectRefused(Offer(*intake, Cat("b")), Verdict::kDuplicate, "stored already");
  EXPECT_EQ(intake->images(), 2);
}

TEST_F(IntakeTest, EachRefusalSaysWhatWasExpectedAndIsCounted) {
  const auto intake = Open();
  ExpectRefused(Offer(*intake, Cat("")), Verdict::kBadId,
                "image_id has 0 bytes, expected 1 to 256");
  ExpectRefused(Offer(*intake, Cat(std::string(257, 'x'))), Verdict::kBadId, "257");
  ExpectRefused(Offer(*intake, {"a", std::string(kMostImageBytes + 1, 'x'), "cat", std::nullopt}),
                Verdict::kTooLarge, "16777217 bytes, expected at most 16777216");
  ExpectRefused(Offer(*intake, {"a", Picture(1), std::nullopt, std::nullopt}), Verdict::kBadLabel,
                "no label");
  ExpectRefused(Offer(*intake, {"a", Picture(1), "cow", std::nullopt}), Verdict::kBadLabel,
                "class_name is 'cow', expected one of the 3 classes: cat, dog, owl");
  ExpectRefused(Offer(*intake, {"a", Picture(1), std::nullopt, 3}), Verdict::kBadLabel,
                "class_index is 3, expected one in [0, 2]");
  ExpectRefused(Offer(*intake, {"a", "GIF89a", "cat", std::nullopt}), Verdict::kUndecodable,
                "neither a JPEG nor a PNG");
  ExpectRefused(Offer(*intake, {"a", Picture(1).substr(0, 40), "cat", std::nullopt}),
                Verdict::kUndecodable, "PNG");
  ExpectRefused(Offer(*intake, {"a", data::EncodePng(std::vector<uint8_t>(64), 1, 64, 1), "cat",
                                std::nullopt}),
                Verdict::kUndecodable, "64 x 1 pixels");
  EXPECT_EQ(Offer(*intake, Cat("a"))->verdict, Verdict::kStored) << "no refusal took the name";
  const IntakeState state = intake->State();
  EXPECT_EQ(state.answers, (std::array<uint64_t, kVerdicts>{0, 1, 0, 1, 3, 3, 0, 2}));
  EXPECT_EQ(state.images, 1);
}

TEST_F(IntakeTest, FullOfImagesOrOfBytes) {
  auto intake = Open(2);
  EXPECT_TRUE(Offer(*intake, Cat("a")).ok());
  EXPECT_TRUE(Offer(*intake, Cat("b")).ok());
  ExpectRefused(Offer(*intake, Cat("c")), Verdict::kSpoolFull,
                "has 2 images, expected fewer than 2 (ingest.most_images)");
  ExpectRefused(Offer(*intake, Cat("a")), Verdict::kDuplicate, "");
  const int64_t bytes = intake->State().bytes;
  intake.reset();
  intake = Open(1000, bytes + 200);
  ExpectRefused(Offer(*intake, Cat("c")), Verdict::kSpoolFull, "ingest.most_bytes");
  intake.reset();
  intake = Open();
  EXPECT_EQ(Offer(*intake, Cat("c"))->verdict, Verdict::kStored) << "a limit may be raised";
}

// Many at once, each name twice: one of each pair is stored, in the order of the offers.
TEST_F(IntakeTest, ManyClientsAndDoubles) {
  constexpr int kClients = 4, kImages = 200;
  auto intake = Open();
  std::vector<std::thread> clients;
  std::atomic<int> stored = 0, doubled = 0;
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([&, client] {
      std::vector<std::future<Answer>> answers;
      for (int i = 0; i < kImages; ++i)
        answers.push_back(Begin(*intake, Cat(std::to_string((client / 2) * kImages + i))));
      for (auto& answer : answers) {
        const Answer found = answer.get();
        ASSERT_TRUE(found.ok()) << found.status();
        stored += found->verdict == Verdict::kStored ? 1 : 0;
        doubled += found->verdict == Verdict::kDuplicate ? 1 : 0;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(stored, kClients * kImages / 2);
  EXPECT_EQ(doubled, kClients * kImages / 2);
  intake.reset();
  EXPECT_EQ(Open()->images(), kClients * kImages / 2);
}

TEST_F(IntakeTest, WhoeverWaitsAtTheEndIsTold) {
  auto intake = Open();
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 2000; ++i) answers.push_back(Begin(*intake, Cat(std::to_string(i))));
  intake.reset();
  int64_t stored = 0;
  for (auto& answer : answers) {
    const Answer found = answer.get();
    if (found.ok()) {
      stored += found->verdict == Verdict::kStored ? 1 : 0;
    } else {
      EXPECT_TRUE(Says(found.status(), absl::StatusCode::kUnavailable, {"the run has ended"}));
    }
  }
  EXPECT_EQ(Open()->images(), stored);
}

TEST_F(IntakeTest, TrainingWaitsForAsManyAsItNeeds) {
  const auto intake = Open();
  intake->AwaitImages(1, milliseconds(1));
  EXPECT_EQ(intake->images(), 0);
  std::thread client([&] { EXPECT_TRUE(Offer(*intake, Cat("a")).ok()); });
  intake->AwaitImages(1, milliseconds(20000));
  EXPECT_EQ(intake->images(), 1);
  client.join();
  intake->SetEpoch(3, 1);
  EXPECT_EQ(intake->State().epoch, 3);
  EXPECT_EQ(intake->State().epoch_images, 1);
}

}  // namespace
}  // namespace sluice::ingest
