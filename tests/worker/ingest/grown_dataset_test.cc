#include "worker/ingest/grown_dataset.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/data/counting_dataset.h"
#include "tests/worker/ingest/pictures.h"

namespace sluice::ingest {
namespace {

TEST(GrownDatasetTest, TheSpoolsImagesFollowTheBasesAndIndicesStay) {
  const TemporaryFolder folder;
  SpoolWriter writer = SpoolWriter::Open(folder.path()).value();
  const auto base = std::make_shared<data::CountingDataset>(2, data::ImageShape{1, 4, 4});
  const auto spool =
      std::make_shared<SpoolReader>(folder.path(), testing::Classes(), testing::Small());
  const GrownDataset grown(base, 2, spool), alone(base, 0, spool);
  EXPECT_EQ(grown.size(), 2);
  EXPECT_EQ(alone.size(), 0);
  EXPECT_EQ(grown.class_names(), base->class_names());
  EXPECT_EQ(grown.shape(), base->shape());
  EXPECT_EQ(grown.Get(1)->id, 101u);
  EXPECT_TRUE(Says(grown.Get(2).status(), absl::StatusCode::kOutOfRange, {"2"}));
  ASSERT_TRUE(writer.Append(testing::Images(0, 3)).ok());
  ASSERT_TRUE(spool->Grow(3).ok());
  EXPECT_EQ(grown.size(), 5);
  EXPECT_EQ(alone.size(), 3);
  EXPECT_EQ(grown.Get(1)->id, 101u);
  EXPECT_EQ(grown.Get(2)->id, SpoolReader::kIngestedIds);
  EXPECT_EQ(grown.Get(4)->label, 2);
  EXPECT_EQ(alone.Get(0)->id, SpoolReader::kIngestedIds);
}

}  // namespace
}  // namespace sluice::ingest
