#include "worker/train/ingestion.h"

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/data/counting_dataset.h"
#include "tests/worker/data/encode.h"
#include "tests/worker/dist/ranks.h"

namespace sluice::train {
namespace {

constexpr uint64_t kFirstIngested = ingest::SpoolReader::kIngestedIds;

// Ids of the images by epoch, in the order in which ranks and steps took them.
using Taken = std::map<int64_t, std::vector<uint64_t>>;

class IngestionTest : public ::testing::Test {
 protected:
  // Batches of 8 over all ranks; 21 images of the run's own.
  config::TrainConfig Config(const std::string& run = "run") {
    config::TrainConfig config;
    config.run_folder = folder_.Path(run);
    EXPECT_TRUE(MakeFolder(config.run_folder).ok());
    config.data.format = "idx";
    config.train.batch = 8;
    config.train.steps = 100;
    config.train.seed = 4;
    config.ingest.enabled = true;
    config.collective_timeout = 1.0;
    return config;
  }
  static std::shared_ptr<const data::Dataset> Base() {
    return std::make_shared<data::CountingDataset>(21, data::ImageShape{1, 4, 4});
  }
  // Stores images number `first` to `first` + `count` - 1.
  static void Offer(ingest::Intake& intake, int first, int count) {
    std::vector<std::future<ingest::Verdict>> answers;
    for (int i = first; i < first + count; ++i) {
      auto answer = std::make_shared<std::promise<ingest::Verdict>>();
      answers.push_back(answer->get_future());
      intake.Offer({"i" + std::to_string(i),
                    data::EncodePng(std::vector<uint8_t>(16, static_cast<uint8_t>(i)), 1, 4, 4),
                    std::nullopt, 1},
                   [answer](const auto& found) { answer->set_value(found->verdict); });
    }
    for (auto& answer : answers) EXPECT_EQ(answer.get(), ingest::Verdict::kStored);
  }
  // Takes the batches of steps `first` to `last`; before step s, `more[s]` images come.
  static void Train(Ingestion& ingestion, dist::Group& group, int64_t first, int64_t last,
                    const std::map<int64_t, int>& more, Taken& taken) {
    auto loader = ingestion.MakeLoader(static_cast<uint64_t>(first - 1));
    int stored = ingestion.intake() != nullptr ? static_cast<int>(ingestion.intake()->images()) : 0;
    for (int64_t step = first; step <= last; ++step) {
      const auto it = more.find(step);
      if (it != more.end() && ingestion.intake() != nullptr) {
        Offer(*ingestion.intake(), stored, it->second);
        stored += it->second;
      }
      const absl::Status begun = ingestion.BeginStep(step);
      ASSERT_TRUE(begun.ok()) << begun;
      const absl::StatusOr<data::Batch> batch = loader->Next();
      ASSERT_TRUE(batch.ok()) << batch.status();
      EXPECT_EQ(batch->epoch, ingestion.epoch()->number);
      // Another rank's images are put behind: epochs are compared as sets, and ranks one by one.
      auto& ids = taken[batch->epoch];
      ids.insert(ids.end(), batch->ids.begin(), batch->ids.end());
      ingestion.EndStep(step);
    }
    static_cast<void>(group);
  }
  // Runs two ranks from the start; what each took.
  std::vector<Taken> Run(const config::TrainConfig& config, int64_t last,
                         const std::map<int64_t, int>& more) {
    std::vector<Taken> taken(2);
    dist::testing::RunRanks(2, [&](dist::Group& group) {
      auto ingestion = Ingestion::Make(config, Base(), group, {});
      ASSERT_TRUE(ingestion.ok()) << ingestion.status();
      Train(**ingestion, group, 1, last, more, taken[static_cast<size_t>(group.rank())]);
    });
    return taken;
  }
  TemporaryFolder folder_;
};

std::vector<uint64_t> Together(const std::vector<Taken>& ranks, int64_t epoch) {
  std::vector<uint64_t> ids;
  for (const Taken& taken : ranks) {
    const auto it = taken.find(epoch);
    if (it != taken.end()) ids.insert(ids.end(), it->second.begin(), it->second.end());
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

// 21 of the run's own, and `ingested` of the stream.
std::vector<uint64_t> Expected(int ingested) {
  std::vector<uint64_t> ids;
  for (uint64_t i = 0; i < 21; ++i) ids.push_back(100 + i);
  for (int i = 0; i < ingested; ++i) ids.push_back(kFirstIngested + static_cast<uint64_t>(i));
  return ids;
}

// Epochs of 21, 26, 30 and 40 images: 3, 4, 4 and 5 steps.
const std::map<int64_t, int> kMore = {{2, 5}, {8, 4}, {9, 10}};

TEST_F(IngestionTest, ImagesJoinAtTheNextEpochAndEachIsTakenOncePerEpoch) {
  const config::TrainConfig config = Config();
  const std::vector<Taken> taken = Run(config, 16, kMore);
  EXPECT_EQ(Together(taken, 0), Expected(0));
  EXPECT_EQ(Together(taken, 1), Expected(5));
  EXPECT_EQ(Together(taken, 2), Expected(9));
  EXPECT_EQ(Together(taken, 3), Expected(19));
  const auto log = ingest::ReadEpochLog(config.run_folder + "/epochs.jsonl").value();
  ASSERT_EQ(log.size(), 4u);
  EXPECT_EQ(log[1].first_step, 4);
  EXPECT_EQ(log[1].ingested, 5);
  EXPECT_EQ(log[2].first_step, 8);
  EXPECT_EQ(log[3].first_step, 12);
}

TEST_F(IngestionTest, ARunThatGoesOnTakesTheSameAsOneThatWasNotDisturbed) {
  config::TrainConfig config = Config();
  const std::vector<Taken> undisturbed = Run(config, 16, kMore);
  config.resume = true;
  // From within an epoch, from its end, and from the start; with images that came too late for the
  // epochs that were decided.
  for (const int64_t done : {5, 7, 0}) {
    std::vector<Taken> taken(2), expected(2);
    dist::testing::RunRanks(2, [&](dist::Group& group) {
      checkpoint::TrainState state;
      state.step = static_cast<uint64_t>(done);
      if (done > 0) state.stream_epoch = {1, 3, 5};
      auto ingestion = Ingestion::Make(config, Base(), group, state);
      ASSERT_TRUE(ingestion.ok()) << ingestion.status();
      Train(**ingestion, group, done + 1, 16, {}, taken[static_cast<size_t>(group.rank())]);
    });
    for (int64_t epoch = done == 0 ? 0 : 2; epoch <= 3; ++epoch) {
      for (size_t rank = 0; rank < 2; ++rank)
        EXPECT_EQ(taken[rank][epoch], undisturbed[rank].at(epoch)) << done << " epoch " << epoch;
    }
    if (done == 5) {  // Two of four steps were done.
      for (size_t rank = 0; rank < 2; ++rank) {
        const std::vector<uint64_t>& whole = undisturbed[rank].at(1);
        EXPECT_TRUE(std::equal(taken[rank][1].rbegin(), taken[rank][1].rend(), whole.rbegin()));
        EXPECT_LT(taken[rank][1].size(), whole.size());
      }
    }
  }
}

TEST_F(IngestionTest, EpochsAreRepeatedFromAnotherRunsLog) {
  const config::TrainConfig first = Config();
  const std::vector<Taken> taken = Run(first, 16, kMore);
  config::TrainConfig again = Config("again");
  again.ingest.folder = first.run_folder + "/ingest";
  again.ingest.replay = first.run_folder + "/epochs.jsonl";
  EXPECT_EQ(Run(again, 16, kMore), taken);
  EXPECT_EQ(ReadFile(again.run_folder + "/epochs.jsonl").value(),
            ReadFile(again.ingest.replay).value());
  dist::testing::RunRanks(1, [&](dist::Group& group) {
    const auto ingestion = Ingestion::Make(again, Base(), group, {}).value();
    EXPECT_EQ(ingestion->intake(), nullptr);
    EXPECT_NE(ingestion->why_no_intake().find("ingest.replay"), std::string::npos);
  });
  // Over a spool with other images it is noticed.
  config::TrainConfig wrong = Config("wrong");
  wrong.ingest.folder = wrong.run_folder + "/ingest";
  std::vector<ingest::SpoolImage> others;
  for (int i = 0; i < 19; ++i) others.push_back({"other" + std::to_string(i), "a", "bytes"});
  ASSERT_TRUE(ingest::SpoolWriter::Open(wrong.ingest.folder)->Append(others).ok());
  wrong.ingest.replay = again.ingest.replay;
  dist::testing::RunRanks(1, [&](dist::Group& group) {
    const auto ingestion = Ingestion::Make(wrong, Base(), group, {}).value();
    absl::Status status;
    auto loader = ingestion->MakeLoader(0);
    for (int64_t step = 1; step <= 4 && status.ok(); ++step) status = ingestion->BeginStep(step);
    EXPECT_TRUE(Says(status, absl::StatusCode::kDataLoss, {"epoch log's epoch 1"}));
  });
}

TEST_F(IngestionTest, ANewStartForgetsTheEpochsButKeepsTheImages) {
  const config::TrainConfig config = Config();
  Run(config, 4, {{2, 5}});
  const std::vector<Taken> taken = Run(config, 4, {});
  EXPECT_EQ(Together(taken, 0), Expected(5));
  EXPECT_EQ(ingest::ReadEpochLog(config.run_folder + "/epochs.jsonl")->at(0).ingested, 5);
}

TEST_F(IngestionTest, ARankThatSeesAnotherFolderIsNamedByAll) {
  const config::TrainConfig config = Config();
  config::TrainConfig elsewhere = config;
  elsewhere.ingest.folder = folder_.Path("elsewhere");
  dist::testing::RunRanks(2, [&](dist::Group& group) {
    const auto ingestion =
        Ingestion::Make(group.rank() == 0 ? config : elsewhere, Base(), group, {}).value();
    if (group.rank() == 0) {
      Offer(*ingestion->intake(), 0, 2);
    } else {
      EXPECT_EQ(ingestion->intake(), nullptr);
      EXPECT_NE(ingestion->why_no_intake().find("rank 1 takes no images, expected rank 0"),
                std::string::npos);
    }
    auto loader = ingestion->MakeLoader(0);
    EXPECT_TRUE(Says(ingestion->BeginStep(1), absl::StatusCode::kFailedPrecondition,
                     {"rank 1 does not see the spool's first 2 images"}));
  });
}

TEST_F(IngestionTest, TheStreamAloneIsWaitedFor) {
  config::TrainConfig config = Config();
  config.ingest.only = true;
  config.ingest.log = true;
  dist::testing::RunRanks(1, [&](dist::Group& group) {
    service::CommandBoard board({.run = "run"});
    Steering steering(&board, &group, [] { return std::string("none"); });
    const auto ingestion = Ingestion::Make(config, Base(), group, {}).value();
    auto ends = std::async(std::launch::async, [&] { return ingestion->AwaitFirst(steering); });
    Offer(*ingestion->intake(), 0, 7);
    EXPECT_EQ(ends.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
    Offer(*ingestion->intake(), 7, 1);
    EXPECT_EQ(ends.get().value(), false);
    Taken taken;
    Train(*ingestion, group, 1, 1, {}, taken);
    EXPECT_EQ(taken[0].size(), 8u);
    for (const uint64_t id : taken[0]) EXPECT_GE(id, kFirstIngested);
    // The log names them.
    const auto line =
        nlohmann::json::parse(ReadFile(config.run_folder + "/ingested.rank0.jsonl").value());
    EXPECT_EQ(line["step"], 1);
    EXPECT_EQ(line["epoch"], 0);
    std::vector<std::string> names;
    for (const uint64_t id : taken[0]) names.push_back("i" + std::to_string(id - kFirstIngested));
    EXPECT_EQ(line["images"], nlohmann::json(names));
  });
}

TEST_F(IngestionTest, ADrainEndsTheWaiting) {
  config::TrainConfig config = Config();
  config.ingest.only = true;
  dist::testing::RunRanks(2, [&](dist::Group& group) {
    service::CommandBoard board({.run = "run"});
    Steering steering(&board, &group, [] { return std::string("none"); });
    const auto ingestion = Ingestion::Make(config, Base(), group, {}).value();
    if (group.rank() == 1) board.Drain([](const auto&) {});
    EXPECT_EQ(ingestion->AwaitFirst(steering).value(), true);
    EXPECT_EQ(board.Status().phase, service::Phase::kDraining);
  });
}

TEST_F(IngestionTest, EveryRankNeedsAnImageOfEveryBatch) {
  dist::testing::RunRanks(2, [&](dist::Group& group) {
    config::TrainConfig config = Config();
    config.train.batch = 3;
    EXPECT_TRUE(SaysInvalid(Ingestion::Make(config, Base(), group, {}).status(),
                            {"train.batch is '3'", "at least two images per rank, 4"}));
    config.train.batch = 8;
    config.train.accumulate = 11;
    EXPECT_TRUE(Says(Ingestion::Make(config, Base(), group, {}).status(),
                     absl::StatusCode::kFailedPrecondition,
                     {"has 21 images, expected at least 22"}));
  });
}

}  // namespace
}  // namespace sluice::train
