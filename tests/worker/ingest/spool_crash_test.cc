// What a crash at any operation on files leaves of a spool, and a full disk.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <future>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/checkpoint/file_faults.h"
#include "tests/worker/ingest/pictures.h"
#include "worker/ingest/intake.h"
#include "worker/ingest/spool_reader.h"

namespace sluice::ingest {
namespace {

using file_faults::Crash;
using testing::Images;

constexpr int kBatches = 3, kPerBatch = 4;

class SpoolCrashTest : public ::testing::TestWithParam<Crash> {
 protected:
  // Stores batches behind those of `folder` in a process that crashes at `operation`. Images that
  // it acknowledged; `is_whole`: it came to its end.
  static int Store(const std::string& folder, int first, int64_t operation, bool* is_whole) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      file_faults::CrashAt(operation, GetParam(), folder);
      absl::StatusOr<SpoolWriter> writer = SpoolWriter::Open(folder);
      for (int batch = 0; writer.ok() && batch < kBatches; ++batch) {
        if (!writer->Append(Images(first + batch * kPerBatch, kPerBatch)).ok()) ::_exit(99);
        if (::write(ends[1], "a", 1) != 1) ::_exit(99);
      }
      file_faults::LoseTheRest();
      ::_exit(writer.ok() ? 0 : 99);
    }
    ::close(ends[1]);
    int acknowledged = 0;
    for (char letter; ::read(ends[0], &letter, 1) == 1;) acknowledged += kPerBatch;
    ::close(ends[0]);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_NE(WEXITSTATUS(status), 99);
    *is_whole = WEXITSTATUS(status) != file_faults::kCrashed;
    return acknowledged;
  }
  // Whether the spool has `least` images at least, whole ones, in their order, and takes more.
  static void ExpectWhole(const std::string& folder, int least, int most, int64_t operation) {
    absl::StatusOr<SpoolWriter> writer = SpoolWriter::Open(folder);
    ASSERT_TRUE(writer.ok()) << operation << ": " << writer.status();
    EXPECT_GE(writer->images(), least) << "acknowledged images are lost by operation " << operation;
    EXPECT_LE(writer->images(), most);
    SpoolReader reader(folder, testing::Classes(), testing::Small());
    ASSERT_TRUE(reader.Grow(writer->images()).ok());
    for (int i = 0; i < writer->images(); ++i) {
      EXPECT_EQ(reader.NameOf(i).value(), "i" + std::to_string(i));
      EXPECT_TRUE(reader.Get(i).ok()) << reader.Get(i).status();
    }
    EXPECT_TRUE(writer->Append(Images(1000, 1)).ok());
    EXPECT_TRUE(reader.Grow(writer->images()).ok());
  }
  // Crashes at each operation in turn, of a spool that has `before` images.
  void EverywhereBehind(int before) {
    int points = 0;
    for (int64_t operation = 0;; ++operation) {
      const std::string folder = folder_.Path("spool" + std::to_string(operation));
      std::filesystem::create_directories(folder);
      if (before > 0) {
        ASSERT_TRUE(SpoolWriter::Open(folder)->Append(Images(0, before)).ok());
      }
      bool is_whole = false;
      const int acknowledged = Store(folder, before, operation, &is_whole);
      ExpectWhole(folder, before + acknowledged, before + kBatches * kPerBatch, operation);
      if (is_whole) {
        EXPECT_EQ(acknowledged, kBatches * kPerBatch);
        break;
      }
      ++points;
    }
    EXPECT_GE(points, 2 * kBatches + 2);
    std::printf("crashes injected: %d, survived: %d\n", points, points);
  }
  TemporaryFolder folder_;
};

TEST_P(SpoolCrashTest, WhatWasAcknowledgedIsThereInANewSpool) { EverywhereBehind(0); }

TEST_P(SpoolCrashTest, WhatWasAcknowledgedIsThereInOneThatGrows) { EverywhereBehind(5); }

INSTANTIATE_TEST_SUITE_P(Kinds, SpoolCrashTest,
                         ::testing::Values(Crash::kProcess, Crash::kPower, Crash::kPowerNames));

TEST(SpoolFullDiskTest, NothingIsStoredInPartAndTheNextBatchIsWelcome) {
  const TemporaryFolder folder;
  SpoolWriter writer = SpoolWriter::Open(folder.path()).value();
  ASSERT_TRUE(writer.Append(Images(0, 2)).ok());
  const uint64_t bytes = writer.bytes();
  for (const uint64_t space : {0, 1, 100, 300}) {
    file_faults::Fill(folder.path(), space);
    EXPECT_TRUE(Says(writer.Append(Images(2, 4)), absl::StatusCode::kResourceExhausted,
                     {kSpoolName, "No space left"}));
    file_faults::Fill("", 0);
    EXPECT_EQ(writer.images(), 2);
    EXPECT_EQ(std::filesystem::file_size(folder.Path(kSpoolName)), bytes);
  }
  EXPECT_TRUE(writer.Append(Images(2, 4)).ok());
  EXPECT_EQ(writer.images(), 6);
}

TEST(SpoolFullDiskTest, ClientsAreToldAndTheIntakeGoesOn) {
  const TemporaryFolder folder;
  const auto offer = [](Intake& intake, const std::string& id) {
    std::promise<absl::StatusOr<IntakeAnswer>> answer;
    intake.Offer({id, testing::Picture(7), "cat", std::nullopt},
                 [&answer](const auto& found) { answer.set_value(found); });
    return answer.get_future().get();
  };
  const auto intake =
      Intake::Open({folder.path(), 100, 100'000, testing::Classes(), testing::Small()}).value();
  file_faults::Fill(folder.path(), 10);
  const auto full = offer(*intake, "a");
  file_faults::Fill("", 0);
  ASSERT_TRUE(full.ok()) << full.status();
  EXPECT_EQ(full->verdict, Verdict::kSpoolFull);
  EXPECT_NE(full->detail.find("No space left"), std::string::npos) << full->detail;
  EXPECT_EQ(intake->images(), 0);
  EXPECT_EQ(offer(*intake, "a")->verdict, Verdict::kStored);
  EXPECT_EQ(intake->State().answers[static_cast<size_t>(Verdict::kSpoolFull)], 1u);
}

}  // namespace
}  // namespace sluice::ingest
