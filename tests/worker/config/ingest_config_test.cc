#include "worker/config/ingest_config.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/common/says.h"
#include "worker/config/train_config.h"

namespace sluice::config {
namespace {

TEST(IngestConfigTest, EveryOptionIsRead) {
  IngestConfig config;
  OptionSet options("test", "");
  DefineIngestOptions(options, config);
  ASSERT_TRUE(options
                  .Parse({"--ingest.enabled", "--ingest.only", "--ingest.folder=f",
                          "--ingest.most_images=7", "--ingest.most_bytes=8000000000",
                          "--ingest.log", "--ingest.replay=e"})
                  .ok());
  EXPECT_TRUE(config.enabled && config.only && config.log);
  EXPECT_EQ(config.folder, "f");
  EXPECT_EQ(config.most_images, 7);
  EXPECT_EQ(config.most_bytes, 8'000'000'000);
  EXPECT_EQ(config.replay, "e");
  EXPECT_TRUE(ValidateIngestConfig(config).ok());
  EXPECT_TRUE(SaysInvalid(options.Parse({"--ingest.most_images=0"}).status(),
                          {"ingest.most_images", "0", "[1, 100000000]"}));
}

TEST(IngestConfigTest, NothingIsAskedForWithoutTheStream) {
  IngestConfig config;
  EXPECT_TRUE(ValidateIngestConfig(config).ok());
  config.only = true;
  EXPECT_TRUE(SaysInvalid(ValidateIngestConfig(config), {"ingest.only is 'on'"}));
  config = {};
  config.log = true;
  EXPECT_TRUE(SaysInvalid(ValidateIngestConfig(config), {"ingest.log is 'on'"}));
  config = {};
  config.replay = "epochs.jsonl";
  EXPECT_TRUE(SaysInvalid(ValidateIngestConfig(config), {"ingest.replay is 'epochs.jsonl'"}));
}

TEST(IngestConfigTest, TheSpoolLiesInTheRunsFolderUnlessItIsTold) {
  IngestConfig config;
  EXPECT_EQ(ResolveIngestFolder(config, "/runs/a"), "/runs/a/ingest");
  config.folder = "/spools/b";
  EXPECT_EQ(ResolveIngestFolder(config, "/runs/a"), "/spools/b");
  config.folder = "c/../d";
  EXPECT_EQ(ResolveIngestFolder(config, "a"), (std::filesystem::current_path() / "d").string());
}

TEST(IngestConfigTest, TheFingerprintKnowsOfTheStreamOnlyIfThereIsOne) {
  TrainConfig without, with, only;
  without.ingest.most_images = 5;
  with.ingest.enabled = only.ingest.enabled = only.ingest.only = true;
  EXPECT_EQ(Fingerprint(without), Fingerprint(TrainConfig()));
  EXPECT_EQ(Fingerprint(without).find("ingest"), std::string::npos);
  EXPECT_NE(Fingerprint(with), Fingerprint(without));
  EXPECT_NE(Fingerprint(with), Fingerprint(only));
  with.ingest.most_images = 5;
  with.ingest.folder = "elsewhere";
  TrainConfig again;
  again.ingest.enabled = true;
  EXPECT_EQ(Fingerprint(with), Fingerprint(again)) << "limits and places may change";
}

}  // namespace
}  // namespace sluice::config
